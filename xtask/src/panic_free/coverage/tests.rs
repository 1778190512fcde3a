use super::{Calls, Core, Place, snake_case};
use std::path::Path;
use syn::visit::Visit;

fn wanted(core: &str) -> Result<Vec<String>, String> {
    let mut found = Core::default();
    let place = Place { file: Path::new("lib.rs"), folder: Path::new(""), module: "root" };
    found.items(&syn::parse_file(core).unwrap().items, &place)?;
    Ok(found.wanted()?.into_keys().collect())
}

fn calls(image: &str) -> Vec<String> {
    let mut calls = Calls::default();
    calls.visit_file(&syn::parse_file(image).unwrap());
    calls.0.into_iter().collect()
}

#[test]
fn what_is_public_is_wanted() {
    let text = "pub fn a() {} fn b() {} pub(crate) fn c() {} pub const fn d() {}
        mod private { pub fn e() {} } pub mod public { pub fn f() {} mod inner { pub fn g() {} } }";
    let expected = ["public::f", "public::g", "root::a", "root::d", "root::e"];
    assert_eq!(wanted(text).unwrap(), expected);
}

#[test]
fn functions_of_types_and_of_foreign_traits_are_wanted() {
    let text = "pub struct S<T>(T); struct P;
        impl<T> S<T> { pub const fn new() {} fn private() {} pub(super) fn near() {} }
        impl<T> Default for S<T> { fn default() -> Self { S::new() } }
        impl<T> fmt::Debug for S<T> { fn fmt(&self) {} }
        impl Default for P { fn default() -> Self { P } }";
    assert_eq!(wanted(text).unwrap(), ["S::default", "S::new"]);
}

#[test]
fn each_implementation_of_a_public_trait_is_wanted() {
    let text = "impl Step for S { fn step(&self) {} } pub struct S;
        impl<T> Step for &mut T {} impl<T> Step for [T] {} impl<A, B> Step for (A, B) {}
        impl<T, const N: usize> Step for [T; N] {} struct Private; impl Step for Private {}
        pub trait Step { fn step(&self) {} } pub trait Sealed {} impl Sealed for S {}";
    let expected = [
        "Step::step",
        "step::<&mut _>",
        "step::<(_, _)>",
        "step::<S>",
        "step::<[_; _]>",
        "step::<[_]>",
    ];
    assert_eq!(wanted(text).unwrap(), expected);
    assert_eq!(snake_case("ManySteps"), "many_steps");
}

#[test]
fn macros_of_its_own_are_seen_through_and_others_refused() {
    let text = "pub trait Real { const BITS: u32; fn bits(self) -> u32; }
        macro_rules! real { ($t:ident, $bits:ident) => {
            impl Real for $t { const BITS: u32 = $bits::BITS; fn bits(self) -> u32 { $bits::BITS } }
        }; }
        real!(f32, u32); real!(f64, u64);";
    assert_eq!(wanted(text).unwrap(), ["Real::bits", "real::<f32>", "real::<f64>"]);
    assert!(wanted("foreign! { pub fn f() {} }").unwrap_err().contains("`foreign!`"));
    let repeated = "macro_rules! m { ($($t:ident),*) => { $(pub fn $t() {})* }; } m!(a, b);";
    assert!(wanted(repeated).unwrap_err().contains("`m!`"));
}

#[test]
fn tests_and_what_is_outside_are_not_wanted() {
    let text = "#[cfg(test)] mod tests { pub fn a() {} } #[cfg(test)] mod other;
        #[cfg(feature = \"defmt\")] impl defmt::Format for S { fn format(&self) {} } pub struct S;
        #[cfg(feature = \"micromath\")] pub fn b() {}";
    assert_eq!(wanted(text).unwrap(), ["root::b"]);
    let text = "#[cfg(not(test))] pub fn a() {} #[cfg(any(test, unix))] pub fn b() {}
        #[cfg(not(feature = \"defmt\"))] pub fn c() {} #[cfg(latest)] pub fn d() {}
        #[cfg(feature=\"defmt\")] pub fn e() {}";
    assert_eq!(wanted(text).unwrap(), ["root::a", "root::b", "root::c", "root::d"]);
}

#[test]
fn only_private_types_are_exempt() {
    let text = "pub trait Step { fn step(&self) {} } struct P; enum Q {}
        impl Step for P {} impl Step for Q {} impl Default for Q { fn default() {} }
        impl<A: Copy> Step for A {} impl Step for Wrapping<u8> {}
        impl From<P> for Wrapping<u8> { fn from(p: P) -> Self {} }";
    let expected = ["Step::step", "Wrapping::from", "step::<Wrapping>", "step::<_>"];
    assert_eq!(wanted(text).unwrap(), expected);
    let text = "mod a { struct S; } mod b { pub struct S; impl Default for S { fn default() {} } }";
    assert_eq!(wanted(text).unwrap(), ["S::default"]);
}

#[test]
fn one_name_in_two_files_is_refused() {
    let mut core = Core::default();
    let items = syn::parse_file("pub fn f() {}").unwrap().items;
    for file in ["a/config.rs", "a/config.rs", "b/config.rs"] {
        let place = Place { file: Path::new(file), folder: Path::new(""), module: "config" };
        core.items(&items, &place).unwrap();
        if file.starts_with('a') {
            assert!(core.wanted().is_ok());
        }
    }
    let error = core.wanted().unwrap_err();
    assert!(error.starts_with("a/config.rs and b/config.rs both have `config::f(..)`"), "{error}");
}

#[test]
fn only_calls_by_path_count() {
    let text = "fn f() {
        keep(a::b::c(1)); Type::<T>::new(); <X as Trait>::method(y); let g = Other::new;
        x.method2(); write!(t, \"{}\", mac::ro()); step::<T, Sgd<&mut [T]>>(s); step::<&mut T>(s);
        // comment::function()
    }";
    let expected = [
        "Trait::method",
        "Type::new",
        "a::b::c",
        "b::c",
        "step::<&mut _>",
        "step::<Sgd>",
        "step::<T>",
    ];
    assert_eq!(calls(text), expected);
}
