//! A `static` of a big type must lie in `.bss`: it then takes no room in the image, and no copy
//! of it crosses the stack at start. The test reads the symbols of its own executable.
//!
//! The statics are inside a `Mutex`, as in a program that changes them: the compiler may put an
//! immutable static among the constants, whatever its value.
#![cfg(target_os = "linux")]

use aadl_core::anderson::Anderson;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::hint::black_box;
use std::sync::Mutex;

type Probed = Anderson<200, 8>;
static ALL_ZEROS: Mutex<Probed> = Mutex::new(Anderson::new());
/// Shows that the test can tell the difference.
static NOT_ALL_ZEROS: Mutex<[f32; 100]> = Mutex::new([1.0; 100]);

/// The kind of section, and the size, of the static whose name in the source is `name`.
fn section_of(name: &str) -> (SectionKind, usize) {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = object::File::parse(&*program).unwrap();
    // Rust's mangled names hold the source's with its length before it.
    let mangled = format!("{}{name}", name.len());
    let mut symbols =
        program.symbols().filter(|symbol| symbol.name().is_ok_and(|n| n.contains(&mangled)));
    let symbol = symbols.next().unwrap_or_else(|| panic!("no symbol {name}"));
    assert!(symbols.next().is_none(), "more than one symbol {name}");
    let section = program.section_by_index(symbol.section_index().unwrap()).unwrap();
    (section.kind(), symbol.size() as usize)
}

#[test]
fn a_static_of_zeros_lies_in_bss() {
    black_box((&ALL_ZEROS, &NOT_ALL_ZEROS));
    let (kind, size) = section_of("ALL_ZEROS");
    assert_eq!(kind, SectionKind::UninitializedData);
    assert!(size >= size_of::<Probed>());
    assert_eq!(section_of("NOT_ALL_ZEROS").0, SectionKind::Data);
}
