//! Generated blocks in a document that people write.

use std::fmt;

/// A block that cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// The document has no marks of this block.
    Missing(String),
    /// It is begun and not ended.
    Open(String),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "no line `{}` in the document", begin(name)),
            Self::Open(name) => write!(f, "no line `{END}` after that of block \"{name}\""),
        }
    }
}

impl std::error::Error for DocumentError {}

const END: &str = "<!-- end -->";

fn begin(name: &str) -> String {
    format!("<!-- generated: {name} -->")
}

/// The document with the contents of one block replaced: what stands between the lines
/// `<!-- generated: NAME -->` and `<!-- end -->`.
///
/// # Errors
/// Where the document lacks a mark.
///
/// ```
/// use aadl_bench::suite::document::replace;
/// let text = "Before.\n<!-- generated: a -->\nold\n<!-- end -->\nAfter.\n";
/// let new = "Before.\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\nAfter.\n";
/// assert_eq!(replace(text, "a", "new")?, new);
/// # Ok::<(), aadl_bench::suite::document::DocumentError>(())
/// ```
pub fn replace(text: &str, name: &str, block: &str) -> Result<String, DocumentError> {
    let mark = begin(name);
    let (before, rest) =
        text.split_once(&mark).ok_or_else(|| DocumentError::Missing(name.to_owned()))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| DocumentError::Open(name.to_owned()))?;
    Ok(format!("{before}{mark}\n\n{}\n\n{END}{after}", block.trim_end()))
}

/// A document of nothing but these empty blocks.
pub fn skeleton(names: &[&str]) -> String {
    let blocks: Vec<String> =
        names.iter().map(|name| format!("{}\n{END}\n", begin(name))).collect();
    blocks.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_replaced_again_and_again() {
        let text = skeleton(&["a", "b"]);
        let once = replace(&replace(&text, "a", "one\n").unwrap(), "b", "two").unwrap();
        let again = replace(&replace(&once, "b", "two").unwrap(), "a", "one\n").unwrap();
        assert_eq!(once, again);
        assert!(once.contains("<!-- generated: a -->\n\none\n\n<!-- end -->\n"), "{once}");
    }

    #[test]
    fn marks_that_lack_are_named() {
        assert_eq!(replace("", "a", ""), Err(DocumentError::Missing("a".to_owned())));
        let open = replace("<!-- generated: a -->", "a", "").unwrap_err();
        assert_eq!(open.to_string(), "no line `<!-- end -->` after that of block \"a\"");
    }
}
