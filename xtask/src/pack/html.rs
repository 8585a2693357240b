//! The few tags of index.html that name files beside it.

/// Calls `change` for every tag outside of comments; what it gives replaces the tag.
pub fn with_tags(html: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (end, is_comment) = if rest.starts_with("<!--") {
            (rest.find("-->").map(|end| end + 3), true)
        } else {
            (rest.find('>').map(|end| end + 1), false)
        };
        let (tag, after) = rest.split_at(end.unwrap_or(rest.len()));
        match change(tag).filter(|_| !is_comment) {
            Some(other) => out.push_str(&other),
            None => out.push_str(tag),
        }
        rest = after;
    }
    out + rest
}

/// The value of an attribute in double quotes.
pub fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    Some(&value[..value.find('"')?])
}

/// The file beside the page that a script or a style sheet comes from.
pub fn file_of(tag: &str) -> Option<String> {
    let address = if tag.starts_with("<script") {
        attribute(tag, "src")?
    } else if tag.starts_with("<link") && attribute(tag, "rel") == Some("stylesheet") {
        attribute(tag, "href")?
    } else {
        return None;
    };
    let name = address.split('?').next()?;
    Some(name.trim_start_matches("./").to_owned())
}

/// All files that the page loads by tags.
pub fn local(html: &str) -> Vec<String> {
    let mut names = Vec::new();
    with_tags(html, |tag| {
        names.extend(file_of(tag));
        None
    });
    names
}

/// Without the hashes that Trunk or an earlier packing put in. A tag that had one keeps an empty place for it.
pub fn without_hashes(html: &str) -> String {
    with_tags(html, |tag| {
        let hash = attribute(tag, "integrity")?;
        Some(tag.replace(&format!("integrity=\"{hash}\""), "integrity=\"\""))
    })
}

/// With these hashes, where there is a place for one.
pub fn with_hashes(html: &str, files: &[(String, String)]) -> String {
    with_tags(html, |tag| {
        let name = file_of(tag)?;
        let (_, hash) = files.iter().find(|(file, _)| *file == name)?;
        Some(tag.replace("integrity=\"\"", &format!("integrity=\"{hash}\"")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!-- <script src="./no.js"> --><link rel="icon" href="data:,"><link rel="stylesheet" href="./a.css" integrity="sha384-x"/><script src="./b.js"></script>"#;

    #[test]
    fn files_beside_the_page_are_found_outside_of_comments() {
        assert_eq!(local(PAGE), ["a.css", "b.js"]);
    }

    #[test]
    fn a_hash_goes_where_one_was() {
        let blank = without_hashes(PAGE);
        assert!(!blank.contains("sha384"), "{blank}");
        let files = ["a.css", "b.js"].map(|name| (name.to_owned(), format!("sha256-{name}")));
        let full = with_hashes(&blank, &files);
        assert!(
            full.contains(r#"href="./a.css" integrity="sha256-a.css"/>"#),
            "{full}"
        );
        assert!(full.contains(r#"<script src="./b.js"></script>"#), "{full}");
        assert_eq!(without_hashes(&full), blank);
    }
}
