//! Names taken apart from left to right: each step takes something off the front, or the name is another one.

/// What is left of a name.
#[derive(Clone, Copy, Debug)]
pub struct Rest<'a>(pub &'a str);

impl<'a> Rest<'a> {
    /// Takes `prefix` off the front.
    pub fn eat(&mut self, prefix: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(prefix)?;
        Some(())
    }

    /// Takes the first of `choices` that fits.
    pub fn eat_any<T: Copy>(&mut self, choices: &[(&str, T)]) -> Option<T> {
        choices
            .iter()
            .find_map(|&(prefix, value)| self.eat(prefix).map(|()| value))
    }

    /// Takes a whole number.
    pub fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        let n = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(n);
        let value = digits.parse().ok()?;
        self.0 = rest;
        Some(value)
    }

    /// Takes `prefix` and the number behind it, or nothing at all.
    pub fn maybe_number<T: std::str::FromStr>(&mut self, prefix: &str) -> Option<T> {
        let mut ahead = *self;
        ahead.eat(prefix)?;
        let value = ahead.number()?;
        *self = ahead;
        Some(value)
    }

    /// Takes all up to `end`, and `end`.
    pub fn until(&mut self, end: &str) -> Option<&'a str> {
        let (before, after) = self.0.split_once(end)?;
        self.0 = after;
        Some(before)
    }

    /// Nothing may be left.
    pub fn done(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The file and the function of a python frame: `vllm/worker/x.py(2443): execute_model`.
pub fn python_frame(name: &str) -> Option<(&str, &str)> {
    let (file, rest) = name.split_once(".py(")?;
    let (_, function) = rest.split_once("): ")?;
    Some((file.rsplit('/').next().unwrap_or(file), function))
}

/// Whether `text` contains `word`, whatever the case of ASCII letters; `word` is lower-case.
pub fn has(text: &str, word: &str) -> bool {
    text.len() >= word.len()
        && text
            .as_bytes()
            .windows(word.len())
            .any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether `text` starts with `prefix`, whatever the case of ASCII letters.
pub fn starts(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_or_left_alone() {
        let mut rest = Rest("bs4_seq1_ctx128");
        assert_eq!(rest.maybe_number::<u32>("seq"), None);
        assert_eq!(rest.maybe_number::<u32>("bs"), Some(4));
        assert_eq!(rest.maybe_number::<u32>("_seq"), Some(1));
        assert_eq!(rest.maybe_number::<u32>("_ctx"), Some(128));
        assert_eq!(rest.done(), Some(()));
        assert_eq!(
            Rest("99999999999").number::<u32>(),
            None,
            "too large is no number"
        );
    }

    #[test]
    fn a_python_frame_has_a_file_and_a_function() {
        assert_eq!(
            python_frame("vllm/worker/hpu_model_runner.py(2443): execute_model"),
            Some(("hpu_model_runner", "execute_model"))
        );
        assert_eq!(python_frame("<built-in method tolist of Tensor object>"), None);
        assert!(has("[HD0] SPDMA 1", "dma") && !has("x", "dma"));
        assert!(starts("Memcpy HtoD", "memcpy") && !starts("é", "memcpy"));
    }
}
