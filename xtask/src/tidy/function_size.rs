//! No function is longer than 100 lines, from its signature to its last brace. Clippy warns at 70 without comments and
//! blank lines; this is the end that no `allow` moves. Tests are exempt: a table of cases may be long.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;
use crate::tree::Tree;

const LINES_END: usize = 100;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| !is_test_file(path)) {
        match syn::parse_file(text) {
            Ok(file) => {
                let mut meter = Meter { path, findings: &mut findings };
                meter.visit_file(&file);
            }
            Err(error) => findings.push(Finding::file(path, format!("it cannot be parsed: {error}"))),
        }
    }
    findings
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/fuzz_targets/")
}

struct Meter<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Meter<'_> {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.span().start().line;
        let lines = body.span().end().line - first + 1;
        if lines > LINES_END {
            let said = format!("`{}` has {lines} lines, and {LINES_END} is the end", signature.ident);
            self.findings.push(Finding::line(self.path, first, said));
        }
    }
}

impl<'ast> Visit<'ast> for Meter<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let tests = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
        });
        if !tests {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_functions_are_found_wherever_they_stand() {
        let long = format!("fn long() {{\n{}}}\n", "let _ = 1;\n".repeat(99));
        let fits = format!("fn fits() {{\n{}}}\n", "let _ = 1;\n".repeat(98));
        let text = format!("{fits}struct S;\nimpl S {{\n{long}}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let found = check(&Tree::of(&[("a.rs", &text), ("b/tests/it/x.rs", &long)]));
        assert_eq!(found, [Finding::line("a.rs", 103, "`long` has 101 lines, and 100 is the end")]);
    }

    #[test]
    fn what_is_no_rust_is_found() {
        let found = check(&Tree::of(&[("a.rs", "fn (")]));
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
