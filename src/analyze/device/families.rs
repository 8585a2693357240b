//! What the device computes: its work by family.

use crate::analyze::report::{Kernel, KernelFamily, WorkKind};
use crate::base::order;
use crate::dialect::families::Family;

/// Work by family, most time first.
pub fn families(kernels: &[Kernel]) -> Vec<KernelFamily> {
    let mut found: Vec<KernelFamily> = Vec::new();
    for kernel in kernels {
        let family = match WorkKind::from_key(&kernel.kind) {
            Some(WorkKind::Comm) => Family::Communication,
            Some(WorkKind::Copy | WorkKind::Set) => Family::Copy,
            _ => Family::of_name(&kernel.name),
        };
        let at = found.iter().position(|f| f.family == family).unwrap_or_else(|| {
            // Kernels come with most time first.
            found.push(KernelFamily {
                family,
                count: 0,
                total_ns: 0,
                names: 0,
                largest: kernel.name.clone(),
                largest_slice: kernel.longest_slice,
            });
            found.len() - 1
        });
        let of = &mut found[at];
        of.count += kernel.count;
        of.names += 1;
        of.total_ns = of.total_ns.saturating_add(kernel.total_ns);
    }
    order::sort_by_key(&mut found, |f| (std::cmp::Reverse(f.total_ns), f.family));
    found
}
