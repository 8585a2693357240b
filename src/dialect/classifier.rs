//! What a kernel does, told by its name: rules that a reader can see and change.
//!
//! One rule a line, `kind: pattern`; the first that fits decides, and what none fits computes. A pattern is looked
//! for anywhere in the name, or at its start with `^` in front, whatever the case of ASCII letters; `*` in it stands
//! for any text. `communication and compute` is communication that computes in the same kernel (a reduction with the
//! norm behind it): its time counts as communication. What stands behind a blank and `#`, or in lines that start
//! with `#`, says nothing. What the tracer itself recorded as a copy or a memset needs no rule and obeys none.

use super::vocabulary::Role;

/// The rules that hold until a reader changes them.
///
/// Communication as in TraceLens (nccl, rccl, cross_device_reduce), and what it counts as compute: reductions
/// written into engines themselves (`multimem_all_reduce_kernel`), libraries of expert parallelism and all-to-all,
/// symmetric memory. Inductor names a kernel after the operators that it was made from, collectives among them, and
/// `small_reduce` only sounds like `all_reduce`; a participle (`all_reduced`) names what was communicated before, and
/// `_free` what is avoided. `ag_gemm`, `gemm_rs` and `gemm_ar` are products with the collective in the same kernel
/// (triton-distributed, FLUX, TensorRT-LLM); a word that only ends in `ag` (`flag_gemm`) is none of them. ROCm 7
/// copies and fills with kernels.
pub const DEFAULT_RULES: &str = "\
compute: ^triton_*_fused_
compute: local_device_load
compute: small_reduce
compute: smallreduce
compute: small_gather
compute: smallgather
compute: all_reduced
compute: allreduced
compute: all_gathered
compute: allgathered
compute: all_reduce_free
compute: allreduce_free
compute: a2a_layout
communication and compute: ^ag_gemm
communication and compute: _ag_gemm
communication and compute: :ag_gemm
communication and compute: void ag_gemm
communication and compute: ag_group_gemm
communication and compute: gemm_rs_
communication and compute: gemm_rs<
communication and compute: gemm_ar_
communication and compute: gemm_ar<
communication and compute: allreduce_fusion
communication and compute: all_reduce_fusion
communication and compute: allreduce*norm
communication and compute: all_reduce*norm
communication and compute: reduce_scatter*norm
communication and compute: allreduce*gemm
communication and compute: gemm*allreduce
communication and compute: all_reduce*gemm
communication and compute: gemm*all_reduce
communication and compute: moedistribute
communication: nccl
communication: rccl
communication: msccl
communication: hccl
communication: ^hcom_
communication: oneccl
communication: uccl
communication: nvshmem
communication: nixl
communication: commkernel
communication: shmembarrier
communication: barrier_on_stream
communication: rocshmem
communication: deep_ep
communication: dpsk::ep
communication: hybrid_ep
communication: pplx
communication: mori::*ep
communication: epdispatch
communication: epcombine
communication: ::internode
communication: ::intranode
communication: moea2a
communication: a2a_
communication: a2adispatch
communication: a2acombine
communication: a2akernel
communication: ::a2a
communication: _a2a
communication: quickreduce
communication: quick_reduce
communication: cross_device_reduce
communication: cross_device_store
communication: symm_mem
communication: symmetric_memory
communication: userbuffers
communication: barrier_all
communication: rank_barrier
communication: all_reduce
communication: allreduce
communication: all_gather
communication: allgather
communication: reduce_scatter
communication: reducescatter
communication: all_to_all
communication: alltoall
communication: all2all
communication: multimem_
copy: ^__amd_rocclr_copy
copy: ^memory_copy_
copy: ^copyhostto
copy: ^copydeviceto
copy: ^memcpy
copy: memcpykernel
copy: directcopykernel
set: ^__amd_rocclr_fill
set: ^memset
set: ^memory_set
set: ^fillbuffer
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
    /// Lower-case; what stands between the `*`.
    pieces: Vec<String>,
    at_start: bool,
}

impl Rule {
    fn fits(&self, name: &str) -> bool {
        let mut rest = name.as_bytes();
        let mut is_first = self.at_start;
        self.pieces.iter().all(|piece| {
            let piece = piece.as_bytes();
            let at = if std::mem::take(&mut is_first) {
                starts_with(rest, piece).then_some(0)
            } else {
                (0..=rest.len()).find(|&at| starts_with(&rest[at..], piece))
            };
            let Some(at) = at else { return false };
            rest = &rest[at + piece.len()..];
            true
        })
    }
}

fn starts_with(text: &[u8], piece: &[u8]) -> bool {
    text.get(..piece.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(piece))
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
                "communication" | "communication and compute" => Role::DeviceComm,
                "copy" => Role::DeviceCopy,
                "set" => Role::DeviceSet,
                other => {
                    return Err(format!(
                        "line {number}: \u{201c}{other}\u{201d} is no kind; there are compute, communication, \
                         communication and compute, copy and set"
                    ));
                }
            };
            let pattern = pattern.trim();
            let (at_start, wanted) = match pattern.strip_prefix('^') {
                Some(rest) => (true, rest),
                None => (false, pattern),
            };
            if wanted.trim_matches('*').is_empty() {
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
                pieces: wanted
                    .to_ascii_lowercase()
                    .split('*')
                    .map(str::to_owned)
                    .collect(),
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
        self.rules.iter().find(|rule| rule.fits(name))
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
                "void c10d::symmetric_memory::barrier_kernel",
                Role::DeviceComm,
                Some("communication: symmetric_memory"),
            ),
            (
                "userbuffers_fp16_sum_inplace_gpu_rw",
                Role::DeviceComm,
                Some("communication: userbuffers"),
            ),
            (
                "MoeDistributeDispatchV2",
                Role::DeviceComm,
                Some("communication and compute: moedistribute"),
            ),
            ("CopyHostToDevice", Role::DeviceCopy, Some("copy: ^copyhostto")),
            ("copy_device_tokens", Role::DeviceCompute, None),
            (
                "__amd_rocclr_fillBufferAligned",
                Role::DeviceSet,
                Some("set: ^__amd_rocclr_fill"),
            ),
            ("hipblaslt_gemm", Role::DeviceCompute, None),
            (
                "void UBCommKernel<bf16>(…)",
                Role::DeviceComm,
                Some("communication: commkernel"),
            ),
            ("nixl_kernel", Role::DeviceComm, Some("communication: nixl")),
            (
                "hcom_broadcast__1",
                Role::DeviceComm,
                Some("communication: ^hcom_"),
            ),
            (
                "void flux::ag_gemm_kernel<128>(…)",
                Role::DeviceComm,
                Some("communication and compute: :ag_gemm"),
            ),
            (
                "kernel_ag_gemm_persistent",
                Role::DeviceComm,
                Some("communication and compute: _ag_gemm"),
            ),
            (
                "kernel_gemm_rs_producer_persistent",
                Role::DeviceComm,
                Some("communication and compute: gemm_rs_"),
            ),
            ("flag_gemm_kernel", Role::DeviceCompute, None),
            ("gemm_rsqrt_kernel", Role::DeviceCompute, None),
            (
                "small_all_reduce_free_norm",
                Role::DeviceCompute,
                Some("compute: all_reduce_free"),
            ),
            (
                "all_reduced_loss_log",
                Role::DeviceCompute,
                Some("compute: all_reduced"),
            ),
            (
                "a2a_layout_free",
                Role::DeviceCompute,
                Some("compute: a2a_layout"),
            ),
            (
                "fused_all_reduce_rms_norm_kernel",
                Role::DeviceComm,
                Some("communication and compute: all_reduce*norm"),
            ),
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
