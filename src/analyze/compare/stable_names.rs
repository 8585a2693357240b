//! Names of kernels and operators without what changes from build to build.

/// The name without addresses, numbers, template arguments and parameter lists: `gemm<128, 64>(float*)` and
/// `gemm<256, 64>(float*)` are one.
pub fn stripped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut depth = 0_u32;
    let mut characters = name.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            '0' if characters.peek() == Some(&'x') => {
                characters.next();
                while characters.next_if(char::is_ascii_hexdigit).is_some() {}
                out.push('#');
            }
            '0'..='9' => {
                while characters.next_if(char::is_ascii_digit).is_some() {}
                out.push('#');
            }
            _ => out.push(c),
        }
    }
    // `operator<` and the like leave nothing to tell names apart by.
    match out.chars().any(char::is_alphabetic) {
        true => out,
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_build_to_build_is_left_out() {
        let same = [
            ("void gemm<128, 64>(float*)", "void gemm<256, 64>(double*)"),
            ("triton_poi_fused_add_12", "triton_poi_fused_add_7"),
            ("<lambda at 0x7f3a>::call", "<lambda at 0x8f3b>::call"),
            ("graph_0x55d0_forward", "graph_0x1234_forward"),
        ];
        for (a, b) in same {
            assert_eq!(stripped(a), stripped(b), "{a}");
        }
        assert_ne!(stripped("aten::add"), stripped("aten::add_"));
        assert_ne!(stripped("gemm_fp8"), stripped("gemm_bf16"));
        assert_eq!(stripped("<built-in>"), "<built-in>");
    }
}
