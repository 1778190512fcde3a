//! The items that a simple `macro_rules!` macro makes: one rule, whose parameters are separated by
//! commas and stand for one token each.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;

/// The items of `rule` used with `arguments`; nothing where it is not that simple.
pub(super) fn expand(rule: TokenStream, arguments: TokenStream) -> Option<Vec<syn::Item>> {
    let rule: Vec<_> = rule.into_iter().collect();
    // (pattern) => { body }, and perhaps a semicolon.
    let [TokenTree::Group(pattern), _, _, TokenTree::Group(body), ..] = rule.as_slice() else {
        return None;
    };
    if rule.len() > 5 {
        return None;
    }
    // `$`, name, `:`, kind, and a comma.
    let pattern: Vec<_> = pattern.stream().into_iter().collect();
    let names = pattern.chunks(5).map(|parameter| Some(parameter.get(1)?.to_string()));
    let names = names.collect::<Option<Vec<_>>>()?;
    let arguments: Vec<_> = arguments.into_iter().collect();
    let arguments: Vec<_> = arguments.chunks(2).filter_map(|one| one.first().cloned()).collect();
    if names.len() != arguments.len() {
        return None;
    }
    let replacements = names.into_iter().zip(arguments).collect();
    syn::parse2::<syn::File>(replace(body.stream(), &replacements)).ok().map(|file| file.items)
}

fn replace(body: TokenStream, replacements: &BTreeMap<String, TokenTree>) -> TokenStream {
    let mut tokens = body.into_iter();
    let mut out = Vec::new();
    while let Some(token) = tokens.next() {
        out.extend(match token {
            TokenTree::Punct(dollar) if dollar.as_char() == '$' => tokens
                .next()
                .map(|name| replacements.get(&name.to_string()).cloned().unwrap_or(name)),
            TokenTree::Group(group) => {
                let inner = replace(group.stream(), replacements);
                Some(proc_macro2::Group::new(group.delimiter(), inner).into())
            }
            other => Some(other),
        });
    }
    out.into_iter().collect()
}
