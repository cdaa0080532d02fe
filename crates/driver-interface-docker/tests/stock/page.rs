//! The page and the tests contain the same settings.

const PAGE: &str = include_str!("../../../../docs/STOCK_IMAGES.md");
const TESTED: &str = include_str!("settings.rs");

#[test]
fn every_documented_setting_is_tested() {
    let on_page = functions(PAGE);
    let tested: Vec<String> = functions(&TESTED.replace("pub(super) fn", "fn"));
    assert_eq!(tested.len(), 6);
    assert_eq!(on_page, tested);
}

/// Returns every top-level function in a text.
fn functions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if line.starts_with("fn ") {
            open = Some(String::new());
        }
        if let Some(function) = &mut open {
            function.push_str(line);
            function.push('\n');
        }
        if line == "}" {
            found.extend(open.take());
        }
    }
    found
}
