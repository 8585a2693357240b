//! `kernel_details.csv`: the device's kernels one by one, and the class of each.
//!
//! Kernels of MindSpore are called `<operator>/<kernel>`, where the operator starts with `Module::Event::`.

use super::table_fields::{Header, Rows};
use crate::base::NameId;
use crate::dialect::tables_beside::{KernelClass, KernelRow, MAX_ROWS};

pub fn kernels(header: &Header) -> Option<Rows> {
    let name = header.column(&["name", "op name"])?;
    let start = header.column(&["start time(us)", "task start time(us)"])?;
    let dur = header.column(&["duration(us)", "task duration(us)"])?;
    let of = |names: &[&str]| header.column(names);
    let (kind, core) = (of(&["type", "op type"]), of(&["accelerator core", "task type"]));
    let (wait, blocks) = (
        of(&["wait time(us)", "task wait time(us)"]),
        of(&["block num", "block dim"]),
    );
    let (shapes, stream) = (of(&["input shapes"]), of(&["stream id"]));
    let (step, device) = (of(&["step id"]), of(&["device_id"]));
    let vector = of(&["aiv_vec_time(us)", "vec_time(us)"]);
    let matrix = of(&["aic_mac_time(us)", "mac_time(us)"]);
    Some(Box::new(move |row, tables| {
        let table = &mut tables.kernels;
        if table.rows.len() >= MAX_ROWS {
            return None;
        }
        let (start_ns, dur_ns) = (row.micros(Some(start))?, row.micros(Some(dur))?);
        let (operator, kernel) = operator_and_kernel(row.text(Some(name))?);
        let core_text = row.text(core).unwrap_or_default();
        let kind_text = row.text(kind).unwrap_or_default();
        // The table holds a time of 0 where the unit did nothing.
        let time = |column: Option<usize>| column.map(|_| row.micros(column).unwrap_or(0));
        let class = class_of(kernel, kind_text, core_text, time(vector).zip(time(matrix)));
        let names = &mut table.names;
        let mut intern = |text: &str| -> NameId { names.intern(text) };
        table.rows.push(KernelRow {
            name: intern(kernel),
            operator: intern(operator),
            kind: intern(kind_text),
            core: intern(core_text),
            shapes: intern(row.text(shapes).unwrap_or_default()),
            stream: intern(row.text(stream).unwrap_or_default()),
            step: intern(row.text(step).unwrap_or_default()),
            start_ns,
            dur_ns,
            wait_ns: row.micros(wait),
            blocks: row.text(blocks).and_then(|text| text.parse().ok()),
            device: row.int(device),
            is_collective: is_collective(core_text, kernel),
            class,
        });
        Some(())
    }))
}

/// The classes of msprof-analyze (`compare`, `kernel_details_bean.py`), by the type: attention, convolution, matrix
/// multiplication; by the kernel's name: copies of tensors; the rest by the time of vector and matrix units (`units`,
/// ns). Where the profiler measured no units (`AiCoreNone`, Level0), the kind of core tells; that part is ours.
fn class_of(kernel: &str, kind: &str, core: &str, units: Option<(i64, i64)>) -> KernelClass {
    let lower = kind.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    if has("flashattention") || has("fusedinferattention") {
        return KernelClass::FlashAttention;
    }
    if has("pagedattention") {
        return KernelClass::PagedAttention;
    }
    if lower.starts_with("conv") {
        return KernelClass::Convolution;
    }
    if has("matmul") {
        return KernelClass::Matmul;
    }
    let kernel = kernel.to_ascii_lowercase();
    if kernel.starts_with("aclnninplacecopy") && kernel.contains("tensormove") {
        return KernelClass::TensorMove;
    }
    match (units, core) {
        (Some((vector, matrix)), _) if vector > 0 || matrix == 0 => KernelClass::Vector,
        (Some(_), _) | (None, "AI_CORE" | "MIX_AIC") => KernelClass::Cube,
        (None, "AI_VECTOR_CORE" | "MIX_AIV") => KernelClass::Vector,
        (None, _) => KernelClass::Other,
    }
}

/// Level0 has no kind of core; there the name tells.
fn is_collective(core: &str, kernel: &str) -> bool {
    matches!(core, "HCCL" | "COMMUNICATION") || (core.is_empty() && kernel.starts_with("hcom_"))
}

/// `Kernel::KernelLaunch::Default/net/MatMul-op12/aclnnMatmul` is operator and kernel; torch writes kernels alone.
fn operator_and_kernel(name: &str) -> (&str, &str) {
    match (name.split_once('/'), name.rsplit_once('/')) {
        (Some((first, _)), Some((operator, kernel))) if first.contains("::") => (operator, kernel),
        _ => ("", name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Table, read};
    use super::*;
    use crate::dialect::tables_beside::Tables;

    #[test]
    fn classes_are_those_of_the_vendors_comparison() {
        use KernelClass::{
            Convolution, Cube, FlashAttention, Matmul, Other, PagedAttention, TensorMove, Vector,
        };
        for (kernel, kind, core, units, expected) in [
            (
                "k",
                "FlashAttentionScoreGrad",
                "MIX_AIC",
                Some((0, 5)),
                FlashAttention,
            ),
            ("k", "FusedInferAttentionScore", "MIX_AIC", None, FlashAttention),
            ("k", "PagedAttentionMaskNdKernel", "MIX_AIC", None, PagedAttention),
            ("k", "Conv2D", "AI_CORE", None, Convolution),
            ("k", "MatMulV3", "AI_CORE", Some((0, 5)), Matmul),
            ("k", "GroupedMatmul", "MIX_AIC", Some((3, 5)), Matmul),
            (
                "aclnnInplaceCopy_TensorMoveAiCore_TensorMove",
                "TensorMove",
                "AI_VECTOR_CORE",
                Some((1, 0)),
                TensorMove,
            ),
            ("k", "Add", "AI_VECTOR_CORE", Some((1, 0)), Vector),
            ("k", "Swish", "MIX_AIV", Some((1, 9)), Vector),
            ("k", "x", "AI_CORE", Some((0, 9)), Cube),
            // Their rule: what used no matrix unit is vector, whatever ran it.
            ("k", "RandomUniform", "AI_CPU", Some((0, 0)), Vector),
            ("k", "RandomUniform", "AI_CPU", None, Other),
            ("k", "Add", "AI_VECTOR_CORE", None, Vector),
            ("k", "x", "AI_CORE", None, Cube),
        ] {
            assert_eq!(
                class_of(kernel, kind, core, units),
                expected,
                "{kind} {core} {units:?}"
            );
        }
    }

    #[test]
    fn a_row_of_mindspore_is_operator_and_kernel() {
        let csv = "\
            Step ID,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Num,Input Shapes\n\
            7,Kernel::KernelLaunch::Default/n/MatMul-op12/aclnnMm,MatMul,AI_CORE,10.5\t,\"2.25\t\",0,8,\"\"\"1,2\"\";\n\"\"3\"\"\"\n\
            ,hcom_allReduce__1_0_1,N/A,COMMUNICATION,12,1,N/A,N/A,N/A\n\
            ,broken,N/A,AI_CORE,,,,,\n";
        let mut tables = Tables::default();
        read(Table::Kernels, "kernel_details.csv", csv.as_bytes(), &mut tables);
        let table = &tables.kernels;
        let rows: Vec<(&str, &str, i64, i64, bool)> = table
            .rows
            .iter()
            .map(|r| {
                (
                    table.text(r.operator),
                    table.text(r.name),
                    r.start_ns,
                    r.dur_ns,
                    r.is_collective,
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                (
                    "Kernel::KernelLaunch::Default/n/MatMul-op12",
                    "aclnnMm",
                    10_500,
                    2_250,
                    false
                ),
                ("", "hcom_allReduce__1_0_1", 12_000, 1_000, true),
            ]
        );
        assert_eq!(table.text(table.rows[0].shapes), "\"1,2\";\n\"3\"");
        assert_eq!((tables.read[0].rows, tables.read[0].rows_lost), (2, 1));
        assert_eq!(
            tables.notes,
            ["kernel_details.csv: 1 of 3 rows could not be read."]
        );
    }
}
