//! That the image calls every public function of the core, found by reading the sources of both.
//!
//! | in the core | in the image |
//! |---|---|
//! | a public function in a public module (or in a private one below it) | `module::function(..)` |
//! | a public function of a type; one of another crate's trait that a type implements | `Type::function(..)` |
//! | a function of a public trait | `Trait::function(..)` or `<X as Trait>::function(..)` |
//! | a public trait that a public type implements | `a_trait::<.., Type, ..>(..)`: a function of the image that is named after the trait and calls what the trait has |
//! | one that every type implements (`impl<T> Trait for T`) | `a_trait::<_, ..>(..)`, as above |
//!
//! Where two types of the core have one name, the module stands before it: `module::Type::function(..)`.
//!
//! A call `x.function()` does not count, since its source does not say whose function that is; nor
//! does anything in a macro. Functions made by one of the core's own macros do, after its parameters
//! have been replaced. Not asked for is what `derive` makes, and text ([`FORMATTING`]).

mod expand;

use crate::workspace::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

const CORE: &str = "aadl-core/src/lib.rs";
const IMAGE: &str = "firmware/panic-free/src";
/// Traits of text, whose functions only `write!` calls. The image writes the text of every `Error`;
/// `Debug`, which brings the standard library's own panics, is outside of the proof.
const FORMATTING: [&str; 2] = ["Debug", "Display"];
/// The conditions of `cfg` that put an item outside of the proof, as whole conditions: whatever else
/// holds one of them may also be compiled without it.
const OUTSIDE: [&str; 2] = ["test", "feature = \"defmt\""];

/// Prints every public function of the core that the image does not call; an error if there is one.
pub(crate) fn check(root: &Path) -> Outcome {
    let core = Core::read(&root.join(CORE))?;
    let mut calls = Calls::default();
    let entries = fs::read_dir(root.join(IMAGE)).map_err(|e| format!("{IMAGE}: {e}"))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        calls.visit_file(&parse(&path)?);
    }
    let wanted = core.wanted()?;
    let missing: Vec<_> = wanted.iter().filter(|(call, _)| !calls.0.contains(*call)).collect();
    for (call, file) in &missing {
        let file = file.strip_prefix(root).unwrap_or(file).display();
        println!("{file}: `{call}(..)` is not called in {IMAGE}");
    }
    match missing.len() {
        0 => {
            println!("all {} public functions and implementations are called", wanted.len());
            Ok(())
        }
        count => Err(format!("{count} public functions are outside of the proof, listed above")),
    }
}

fn parse(path: &Path) -> Outcome<syn::File> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    syn::parse_file(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The public functions of the core.
#[derive(Default)]
struct Core {
    /// Calls that reach a public function, with its public module and its file.
    functions: Vec<(String, String, PathBuf)>,
    /// Public traits that have functions.
    traits: BTreeSet<String>,
    /// Names of types, and whether a public one has it.
    types: BTreeMap<String, bool>,
    implementations: Vec<Implementation>,
    macros: BTreeMap<String, proc_macro2::TokenStream>,
}

struct Implementation {
    of_trait: String,
    for_type: String,
    functions: Vec<String>,
    module: String,
    file: PathBuf,
}

/// Where items stand.
struct Place<'a> {
    file: &'a Path,
    /// Where the files of its modules lie.
    folder: &'a Path,
    /// The public module around.
    module: &'a str,
}

impl Core {
    fn read(root: &Path) -> Outcome<Self> {
        let mut core = Self::default();
        let folder = root.with_file_name("");
        let place = Place { file: root, folder: &folder, module: "aadl_core" };
        core.items(&parse(root)?.items, &place)?;
        Ok(core)
    }

    fn items(&mut self, items: &[syn::Item], place: &Place<'_>) -> Outcome {
        for item in items {
            match item {
                syn::Item::Fn(f) if is_public(&f.vis) && is_inside(&f.attrs) => {
                    self.function(place.module, &f.sig.ident, place);
                }
                syn::Item::Mod(module) if is_inside(&module.attrs) => self.module(module, place)?,
                syn::Item::Impl(block) if is_inside(&block.attrs) => self.block(block, place),
                syn::Item::Trait(t) if is_public(&t.vis) && is_inside(&t.attrs) => {
                    let name = t.ident.to_string();
                    for item in &t.items {
                        if let syn::TraitItem::Fn(f) = item {
                            self.function(&name, &f.sig.ident, place);
                            self.traits.insert(name.clone());
                        }
                    }
                }
                syn::Item::Struct(s) => self.type_named(&s.ident, &s.vis),
                syn::Item::Enum(e) => self.type_named(&e.ident, &e.vis),
                syn::Item::Macro(item) if is_inside(&item.attrs) => self.expand(item, place)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn function(&mut self, of: &str, name: &syn::Ident, place: &Place<'_>) {
        let module = place.module.to_owned();
        self.functions.push((format!("{of}::{name}"), module, place.file.to_path_buf()));
    }

    fn type_named(&mut self, name: &syn::Ident, visibility: &syn::Visibility) {
        *self.types.entry(name.to_string()).or_default() |= is_public(visibility);
    }

    fn module(&mut self, module: &syn::ItemMod, place: &Place<'_>) -> Outcome {
        let name = module.ident.to_string();
        let public = if is_public(&module.vis) { name.as_str() } else { place.module };
        let folder = place.folder.join(&name);
        if let Some((_, items)) = &module.content {
            return self.items(items, &Place { folder: &folder, module: public, ..*place });
        }
        let files = [folder.with_extension("rs"), folder.join("mod.rs")];
        let file = files
            .iter()
            .find(|file| file.exists())
            .ok_or_else(|| format!("{}: no file for the module `{name}`", place.file.display()))?;
        self.items(&parse(file)?.items, &Place { file, folder: &folder, module: public })
    }

    fn block(&mut self, block: &syn::ItemImpl, place: &Place<'_>) {
        let mut for_type = head(&block.self_ty);
        if block.generics.type_params().any(|parameter| parameter.ident == for_type) {
            for_type = "_".into();
        }
        let functions = block.items.iter().filter_map(|item| match item {
            syn::ImplItem::Fn(f) if is_inside(&f.attrs) => Some(f),
            _ => None,
        });
        let of_trait = block.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        if let Some(of_trait) = of_trait {
            self.implementations.push(Implementation {
                of_trait: of_trait.ident.to_string(),
                for_type,
                functions: functions.map(|f| f.sig.ident.to_string()).collect(),
                module: place.module.to_owned(),
                file: place.file.to_path_buf(),
            });
        } else {
            for f in functions.filter(|f| is_public(&f.vis)) {
                self.function(&for_type, &f.sig.ident, place);
            }
        }
    }

    /// A macro is kept where it is defined, and where it is used its items are read.
    fn expand(&mut self, item: &syn::ItemMacro, place: &Place<'_>) -> Outcome {
        if let Some(name) = &item.ident {
            self.macros.insert(name.to_string(), item.mac.tokens.clone());
            return Ok(());
        }
        let name = item.mac.path.segments.last().map(|segment| segment.ident.to_string());
        let name = name.unwrap_or_default();
        let rule = self.macros.get(&name).cloned().unwrap_or_default();
        let items = expand::expand(rule, item.mac.tokens.clone()).ok_or_else(|| {
            let file = place.file.display();
            format!("{file}: cannot see which functions `{name}!` makes; write them out")
        })?;
        self.items(&items, place)
    }

    /// All calls that the image must contain, and the file that asks for it. An error where two
    /// files of one module ask for the same: a call does not say in which of them its function
    /// stands.
    fn wanted(&self) -> Outcome<BTreeMap<String, &Path>> {
        let functions = self.functions.iter();
        let mut calls: Vec<_> = functions
            .map(|(call, module, file)| (call.clone(), module.as_str(), file.as_path()))
            .collect();
        for Implementation { of_trait, for_type, functions, module, file } in &self.implementations
        {
            if self.types.get(for_type) == Some(&false) {
                continue;
            }
            if self.traits.contains(of_trait) {
                calls.push((format!("{}::<{for_type}>", snake_case(of_trait)), module, file));
            } else if !FORMATTING.contains(&of_trait.as_str()) {
                let names = functions.iter().map(|name| format!("{for_type}::{name}"));
                calls.extend(names.map(|call| (call, module.as_str(), file.as_path())));
            }
        }
        let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (call, module, _) in &calls {
            modules.entry(call).or_default().insert(module);
        }
        let mut wanted = BTreeMap::new();
        for (call, module, file) in &calls {
            let several = modules.get(call.as_str()).is_some_and(|modules| modules.len() > 1);
            let call = if several { format!("{module}::{call}") } else { call.clone() };
            if let Some(other) = wanted.insert(call.clone(), *file).filter(|other| other != file) {
                return Err(format!(
                    "{} and {} both have `{call}(..)`, which one call would count for; rename one",
                    other.display(),
                    file.display()
                ));
            }
        }
        Ok(wanted)
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

/// Whether no `cfg` puts it outside of the proof.
fn is_inside(attributes: &[syn::Attribute]) -> bool {
    !attributes.iter().filter(|a| a.path().is_ident("cfg")).any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string());
        condition.is_ok_and(|condition| OUTSIDE.contains(&condition.as_str()))
    })
}

/// What a type is, without its parameters: a name, or the form of one that has none.
fn head(of: &syn::Type) -> String {
    match of {
        syn::Type::Path(path) => {
            path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
        }
        syn::Type::Reference(reference) if reference.mutability.is_some() => "&mut _".into(),
        syn::Type::Reference(_) => "&_".into(),
        syn::Type::Slice(_) => "[_]".into(),
        syn::Type::Array(_) => "[_; _]".into(),
        syn::Type::Tuple(tuple) => format!("({})", vec!["_"; tuple.elems.len()].join(", ")),
        _ => "_".into(),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// The calls of the image, as [`Core::wanted`] writes them.
#[derive(Default)]
struct Calls(BTreeSet<String>);

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func {
            let segments: Vec<_> = function.path.segments.iter().collect();
            if let [.., of, name] = segments[..] {
                self.0.insert(format!("{}::{}", of.ident, name.ident));
            }
            if let [.., module, of, name] = segments[..] {
                self.0.insert(format!("{}::{}::{}", module.ident, of.ident, name.ident));
            }
            if let Some(name) = segments.last()
                && let syn::PathArguments::AngleBracketed(arguments) = &name.arguments
            {
                for argument in &arguments.args {
                    if let syn::GenericArgument::Type(of) = argument {
                        self.0.insert(format!("{}::<{}>", name.ident, head(of)));
                    }
                }
            }
        }
        visit::visit_expr_call(self, call);
    }
}

#[cfg(test)]
mod tests;
