//! Rules of the core's sources that no compiler checks: sums and transcendentals stay in their
//! modules, nothing is fused, nothing can panic on purpose, and the standard library stays out.
//!
//! A file is read once by [`code`], which blanks comments, texts and test items and keeps every
//! line where it is; then each line is searched for the words of [`RULES`].

use crate::workspace::Outcome;
use std::path::{Path, PathBuf};
use std::{fs, iter};

struct Rule {
    /// What must not occur, as a whole word where it begins or ends with a letter.
    words: &'static [&'static str],
    /// The one file where it may, if any.
    except: Option<&'static str>,
    why: &'static str,
}

const RULES: [Rule; 6] = [
    Rule {
        words: &["mul_add"],
        except: None,
        why: "the numeric contract multiplies, then adds; never fused",
    },
    Rule {
        words: &[".sum()", ".sum::<"],
        except: None,
        why: "the order of a sum is part of the numeric contract: use `kernels`",
    },
    Rule {
        words: &["libm::", "micromath::"],
        except: Some("math.rs"),
        why: "transcendentals belong to `math`",
    },
    Rule {
        words: &[
            ".unwrap()",
            "::unwrap",
            ".unwrap_err()",
            ".expect(",
            "::expect",
            ".expect_err(",
            "panic!",
            "unreachable!",
            "todo!",
            "unimplemented!",
        ],
        except: None,
        why: "the core does not panic: return `Error`",
    },
    Rule { words: &["unsafe"], except: None, why: "the core has no unsafe code" },
    Rule {
        words: &["std::", "alloc::", "extern crate"],
        except: None,
        why: "the core has neither operating system nor heap",
    },
];

/// The sources the rules are for.
const FOLDER: &str = "aadl-core/src";

/// What the crate's root must say for the compiler to check the rest.
const ATTRIBUTES: [&str; 2] = ["#![no_std]", "#![forbid(unsafe_code)]"];

/// Prints every stray in the core of the workspace at `root`; an error if there is one.
pub(crate) fn check(root: &Path) -> Outcome {
    let folder = root.join(FOLDER);
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.sort();
    let mut strays = Vec::new();
    let mut tests = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let (code, test_modules) = code(&text);
        // A test module in a file of its own lies beside a `mod.rs`, else below the file's stem.
        let parent = match file.file_name().and_then(|name| name.to_str()) {
            Some("mod.rs" | "lib.rs") => file.with_file_name(""),
            _ => file.with_extension(""),
        };
        tests.extend(test_modules.iter().map(|name| parent.join(name)));
        if *file == folder.join("lib.rs") {
            let missing = ATTRIBUTES.iter().filter(|attribute| !code.contains(**attribute));
            strays.extend(missing.map(|a| (file, 1, format!("`{a}` is missing"))));
        }
        for (number, word, rule) in search(&code, file.strip_prefix(&folder).unwrap_or(file)) {
            strays.push((file, number, format!("`{word}`: {}", rule.why)));
        }
    }
    strays.retain(|(file, ..)| {
        !tests.iter().any(|test| file.with_extension("") == *test || file.starts_with(test))
    });
    for (file, number, what) in &strays {
        println!("{}:{number}: {what}", file.strip_prefix(root).unwrap_or(file).display());
    }
    match strays.len() {
        0 => {
            println!("{} files, no strays", files.len());
            Ok(())
        }
        count => Err(format!("{count} strays, listed above")),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The strays of one file: line number from 1, the word, its rule.
fn search(code: &str, file: &Path) -> Vec<(usize, &'static str, &'static Rule)> {
    let mut found = Vec::new();
    for (number, line) in iter::zip(1.., code.lines()) {
        for rule in &RULES {
            if rule.except.is_none_or(|except| file != Path::new(except)) {
                let words = rule.words.iter().filter(|word| contains(line, word));
                found.extend(words.map(|word| (number, *word, rule)));
            }
        }
    }
    found
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` stands in `line` and is not part of a longer name.
fn contains(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let splits = |outer: Option<char>, inner: Option<char>| {
            outer.is_some_and(is_name) && inner.is_some_and(is_name)
        };
        !splits(before, word.chars().next()) && !splits(after, word.chars().next_back())
    })
}

/// The text with comments, string and character literals and items marked `#[cfg(test)]` replaced
/// by spaces, lines kept; and the names of test modules that have their own files.
fn code(text: &str) -> (String, Vec<String>) {
    let mut code = blank_texts(text);
    let mut modules = Vec::new();
    let mark = "#[cfg(test)]";
    while let Some(start) = code.find(mark) {
        let rest = &code[start + mark.len()..];
        let mut depth = 0;
        let end = rest.find(|c| {
            match c {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth -= 1,
                _ => {}
            }
            // An item ends with its block or, outside all brackets, with a semicolon.
            depth == 0 && (c == '}' || c == ';')
        });
        let item = &rest[..end.map_or(rest.len(), |end| end + 1)];
        let name = item.strip_suffix(';').and_then(|item| item.trim().strip_prefix("mod "));
        modules.extend(name.map(|name| name.trim().to_string()));
        let all = start..start + mark.len() + item.len();
        let blank = code[all.clone()].replace(|c| c != '\n', " ");
        code.replace_range(all, &blank);
    }
    (code, modules)
}

/// The text with comments, string and character literals replaced by spaces, lines kept.
fn blank_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_name = code.chars().next_back().is_some_and(is_name);
        let length = literal(rest, after_name);
        let taken = &rest[..length.max(c.len_utf8())];
        if length == 0 {
            code.push(c);
        } else {
            code.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = &rest[taken.len()..];
    }
    code
}

/// Length of the comment or literal that `text` begins with; 0 if it begins with neither.
fn literal(text: &str, after_name: bool) -> usize {
    let to = |end: Option<usize>| end.unwrap_or(text.len());
    if text.starts_with("//") {
        return to(text.find('\n'));
    }
    if text.starts_with("/*") {
        // Block comments nest.
        let (mut depth, mut at) = (0, 0);
        loop {
            let rest = &text[at..];
            depth += i32::from(rest.starts_with("/*")) - i32::from(rest.starts_with("*/"));
            at += if rest.starts_with("/*") || rest.starts_with("*/") {
                2
            } else {
                rest.chars().next().map_or(0, char::len_utf8)
            };
            if depth == 0 || at == text.len() {
                return at;
            }
        }
    }
    if text.starts_with('"') {
        return to(closing(text, '"'));
    }
    if let Some(raw) = text.strip_prefix('r').filter(|_| !after_name) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            return to(text[start..].find(&end).map(|at| start + at + end.len()));
        }
    }
    if let Some(inner) = text.strip_prefix('\'') {
        // `'a'` and `'\n'` are characters, `'a` alone is a lifetime.
        let mut chars = inner.chars();
        if chars.next() == Some('\\') || chars.next() == Some('\'') {
            return to(closing(text, '\''));
        }
    }
    0
}

/// Where the literal that `text` begins with ends: after the next `quote` that is not escaped.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let inner = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    inner.map(|(at, _)| at + quote.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::{code, search};
    use std::path::Path;

    fn strays(text: &str, file: &str) -> Vec<(usize, &'static str)> {
        let (code, _) = code(text);
        assert_eq!(code.lines().count(), text.lines().count());
        search(&code, Path::new(file)).into_iter().map(|(line, word, _)| (line, word)).collect()
    }

    #[test]
    fn each_rule_bites() {
        for (text, word) in [
            ("a.mul_add(b, c)", "mul_add"),
            ("let s: f32 = x.iter().sum();", ".sum()"),
            ("x.iter().sum::<f32>()", ".sum::<"),
            ("libm::expf(x)", "libm::"),
            ("use micromath::F32Ext;", "micromath::"),
            ("x.unwrap()", ".unwrap()"),
            ("x.map(Option::unwrap)", "::unwrap"),
            ("x.expect(\"a\")", ".expect("),
            ("panic!(\"a\")", "panic!"),
            ("unreachable!()", "unreachable!"),
            ("todo!()", "todo!"),
            ("unimplemented!()", "unimplemented!"),
            ("unsafe { f() }", "unsafe"),
            ("use std::vec::Vec;", "std::"),
            ("extern crate alloc;", "extern crate"),
        ] {
            let text = format!("fn f() {{}}\n{text}");
            assert_eq!(strays(&text, "nn/loss.rs"), [(2, word)], "{text}");
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        for text in [
            "#![forbid(unsafe_code)]",
            "x.unwrap_or(0.0).max(y.unwrap_or_default())",
            "#[expect(dead_code)]",
            "// x.unwrap()",
            "/// assert_eq!(x.unwrap(), 1);",
            "/* a /* panic!() */ unsafe */ fn f() {}",
            "let s = \"panic!() \\\" unsafe\";",
            "let s = r#\"a \" unsafe\"#;",
            "let c = '\"'; let s = \"unsafe\"; let d = '\\''; // unsafe '",
            "fn f<'a>(x: &'a str) -> &'a str { x } // 'unsafe",
            "kernels.sum(x); my_std::f(); self.checksum()",
            "#[cfg(test)]\nmod tests {\n fn f() { g(\"}\").unwrap(); }\n}\n",
            "#[cfg(test)]\nextern crate std;",
        ] {
            assert_eq!(strays(text, "nn/loss.rs"), [], "{text}");
        }
        assert_eq!(strays("libm::expf(x)", "math.rs"), []);
        assert_eq!(strays("libm::expf(x)", "nn/math.rs"), [(1, "libm::")]);
    }

    #[test]
    fn only_the_test_item_is_left_out() {
        let text = "#[cfg(test)]\nfn f() -> [u8; 2] { x.unwrap() }\nfn g() { y.unwrap() }";
        assert_eq!(strays(text, "a.rs"), [(3, ".unwrap()")]);
        assert_eq!(code("#[cfg(test)]\nmod tests;\nfn f() {}").1, ["tests"]);
    }
}
