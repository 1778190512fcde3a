//! What a linked image holds.

use crate::workspace::Outcome;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, str};

/// An image for a 32-bit little-endian device, which all those of [`super::TARGETS`] are.
pub(super) struct Image {
    /// Bytes of code.
    pub(super) code: u64,
    symbols: Vec<String>,
    /// Address and content of each section of constants.
    constants: Vec<(u64, Vec<u8>)>,
}

impl Image {
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let file = object::File::parse(&*bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        if file.is_64() || !file.is_little_endian() {
            return Err(format!("{}: not for a 32-bit little-endian device", path.display()));
        }
        Self::from(&file).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn from(file: &object::File<'_>) -> object::Result<Self> {
        let mut image = Self { code: 0, symbols: Vec::new(), constants: Vec::new() };
        for section in file.sections() {
            match section.kind() {
                SectionKind::Text => image.code += section.size(),
                SectionKind::ReadOnlyData | SectionKind::ReadOnlyString | SectionKind::Data => {
                    image.constants.push((section.address(), section.data()?.to_vec()));
                }
                _ => {}
            }
        }
        image.symbols = file.symbols().filter_map(|s| s.name().map(str::to_string).ok()).collect();
        Ok(image)
    }

    /// A symbol whose name contains one of `words`. An error without symbols, where that none is
    /// found would say nothing.
    pub(super) fn symbol_with(&self, words: &[&str]) -> Outcome<Option<&str>> {
        if self.symbols.is_empty() {
            return Err("the image has no symbols to look through; link it without `strip`".into());
        }
        let mut symbols = self.symbols.iter().map(String::as_str);
        Ok(symbols.find(|symbol| words.iter().any(|word| symbol.contains(word))))
    }

    /// `file:line:column` of each `core::panic::Location`: each call that panics has one, and only
    /// those stay that some call refers to. Address and length of the file's name, then line and
    /// column: four words, told from others by a name that ends in `.rs`.
    pub(super) fn panic_sites(&self) -> Vec<String> {
        let mut sites = BTreeSet::new();
        for (_, content) in &self.constants {
            let words: Vec<u32> =
                content.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
            for &[address, length, line, column] in words.array_windows() {
                if let Some(file) = self.text(address, length).filter(|f| f.ends_with(".rs")) {
                    sites.insert(format!("{file}:{line}:{column}"));
                }
            }
        }
        sites.into_iter().collect()
    }

    fn text(&self, address: u32, length: u32) -> Option<&str> {
        self.constants.iter().find_map(|(start, content)| {
            let first = usize::try_from(u64::from(address).checked_sub(*start)?).ok()?;
            let text = content.get(first..first.checked_add(length as usize)?)?;
            // Some compilers end the name with a zero, and count it.
            Some(str::from_utf8(text).ok()?.trim_end_matches('\0'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn a_site_is_found_wherever_its_name_lies() {
        let mut locations = vec![0xff; 4];
        for word in [0x2001, 6u32, 12, 5, 0x2001, 5, 1, 1, 7, 7, 7, 7] {
            locations.extend(word.to_le_bytes());
        }
        let constants = vec![(0x1000, locations), (0x2000, b"/a/b.rs".to_vec())];
        let symbols = vec!["f".into(), "core_panicking_x".into()];
        let mut image = Image { code: 0, symbols, constants };
        assert_eq!(image.panic_sites(), ["a/b.rs:12:5"]);
        assert_eq!(image.symbol_with(&["malloc", "panicking"]), Ok(Some("core_panicking_x")));
        assert_eq!(image.symbol_with(&["malloc"]), Ok(None));
        image.symbols.clear();
        assert!(image.symbol_with(&["malloc"]).unwrap_err().contains("no symbols"));
    }
}
