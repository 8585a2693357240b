//! What a kernel does, told by its name: rules that a reader can see and change.
//!
//! One rule a line, `kind: pattern`; the first that fits decides, and what none fits computes. A pattern is looked
//! for anywhere in the name, or at its start with `^` in front, whatever the case of ASCII letters. What stands behind
//! a blank and `#`, or in lines that start with `#`, says nothing. What the tracer itself recorded as a copy or a
//! memset needs no rule and obeys none.

use super::pattern::{has, starts};
use super::vocabulary::Role;

/// The rules that hold until a reader changes them.
///
/// Communication as in TraceLens (nccl, rccl, cross_device_reduce), and what it counts as compute: reductions
/// written into engines themselves (`multimem_all_reduce_kernel`), libraries of all-to-all. ROCm 7 copies and fills
/// with kernels.
pub const DEFAULT_RULES: &str = "\
communication: nccl
communication: rccl
communication: msccl
communication: hccl
communication: oneccl
communication: nvshmem
communication: rocshmem
communication: deep_ep
communication: cross_device_reduce
communication: all_reduce
communication: allreduce
communication: all_gather
communication: allgather
communication: reduce_scatter
communication: reducescatter
communication: all_to_all
communication: all2all
copy: ^__amd_rocclr_copy
copy: ^memcpy
set: ^__amd_rocclr_fill
set: ^memset
";

/// More rules than these are not read: each kernel's name is held against all of them.
pub const MAX_RULES: usize = 500;

/// Rules in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classifier {
    /// As the reader wrote it.
    text: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    role: Role,
    /// As the reader wrote it, less blanks around it.
    text: String,
    /// Lower-case.
    pattern: String,
    at_start: bool,
}

impl Default for Classifier {
    fn default() -> Self {
        Classifier::parse(DEFAULT_RULES).unwrap_or(Classifier {
            text: String::new(),
            rules: Vec::new(),
        })
    }
}

impl Classifier {
    /// Reads rules. The error says which line is none, and why.
    pub fn parse(text: &str) -> Result<Classifier, String> {
        let mut rules = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = match line.split_once(" #") {
                Some((rule, _)) => rule.trim(),
                None => line.trim(),
            };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (kind, pattern) = line
                .split_once(':')
                .ok_or_else(|| format!("line {number}: a rule is a kind, a colon and a pattern"))?;
            let role = match kind.trim().to_ascii_lowercase().as_str() {
                "compute" => Role::DeviceCompute,
                "communication" => Role::DeviceComm,
                "copy" => Role::DeviceCopy,
                "set" => Role::DeviceSet,
                other => {
                    return Err(format!(
                        "line {number}: \u{201c}{other}\u{201d} is no kind; there are compute, communication, copy and set"
                    ));
                }
            };
            let pattern = pattern.trim();
            let (at_start, wanted) = match pattern.strip_prefix('^') {
                Some(rest) => (true, rest),
                None => (false, pattern),
            };
            if wanted.is_empty() {
                return Err(format!(
                    "line {number}: the pattern is empty, it would fit every name"
                ));
            }
            if rules.len() == MAX_RULES {
                return Err(format!("line {number}: more than {MAX_RULES} rules"));
            }
            rules.push(Rule {
                role,
                text: format!("{}: {pattern}", kind.trim().to_ascii_lowercase()),
                pattern: wanted.to_ascii_lowercase(),
                at_start,
            });
        }
        Ok(Classifier {
            text: text.to_owned(),
            rules,
        })
    }

    /// The rules as text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn first(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| match rule.at_start {
            true => starts(name, &rule.pattern),
            false => has(name, &rule.pattern),
        })
    }

    /// What a kernel of this name does.
    pub fn role(&self, name: &str) -> Role {
        self.first(name).map_or(Role::DeviceCompute, |rule| rule.role)
    }

    /// The rule that says so; `None` where none fits, so that it computes.
    pub fn rule(&self, name: &str) -> Option<&str> {
        self.first(name).map(|rule| rule.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let c = Classifier::default();
        for (name, role, rule) in [
            (
                "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
                Role::DeviceComm,
                Some("communication: nccl"),
            ),
            (
                "void vllm::cross_device_reduce_1stage<float, 2>(…)",
                Role::DeviceComm,
                Some("communication: cross_device_reduce"),
            ),
            (
                "void (anonymous)::multimem_all_reduce_kernel<16>",
                Role::DeviceComm,
                Some("communication: all_reduce"),
            ),
            (
                "__amd_rocclr_copyBuffer",
                Role::DeviceCopy,
                Some("copy: ^__amd_rocclr_copy"),
            ),
            ("my__amd_rocclr_copyBuffer", Role::DeviceCompute, None),
            (
                "__amd_rocclr_fillBufferAligned",
                Role::DeviceSet,
                Some("set: ^__amd_rocclr_fill"),
            ),
            ("hipblaslt_gemm", Role::DeviceCompute, None),
        ] {
            assert_eq!((c.role(name), c.rule(name)), (role, rule), "{name}");
        }
        let own = Classifier::parse("# mine\n compute : NCCL # not here\ncommunication: ^gemm\n").unwrap();
        assert_eq!(own.role("ncclDevKernel"), Role::DeviceCompute);
        assert_eq!(own.rule("ncclDevKernel"), Some("compute: NCCL"));
        assert_eq!(
            (own.role("GemmX"), own.role("a gemm")),
            (Role::DeviceComm, Role::DeviceCompute)
        );
    }

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        let error = |text: &str| Classifier::parse(text).unwrap_err();
        assert!(error("copy: a\nnccl").starts_with("line 2: a rule is"));
        assert!(error("comm: nccl").contains("“comm” is no kind"));
        assert!(error("copy: ^").contains("empty"));
        assert!(error(&"copy: a\n".repeat(MAX_RULES + 1)).contains("more than 500"));
        assert_eq!(Classifier::parse("").unwrap().role("nccl"), Role::DeviceCompute);
    }
}
