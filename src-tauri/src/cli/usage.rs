//! Wrong use, in the shape of every other failure.

use std::ffi::OsString;

use super::args::Global;

/// The parser's paragraphs as one line: what is wrong, a hint, the usage.
pub fn in_one_line(rendered: &str) -> String {
    let text = rendered.trim().trim_start_matches("error: ");
    let mut line = String::new();
    for paragraph in text.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() || words.starts_with("For more information") {
            continue;
        }
        if !line.is_empty() {
            line.push_str(". ");
        }
        line.push_str(words.trim_end_matches('.'));
    }
    line
}

/// The options that matter for saying it, where the whole was not understood.
pub fn global(arguments: &[OsString]) -> Global {
    let ours = || arguments.iter().take_while(|a| *a != "--");
    Global {
        json: ours().any(|a| a == "--json"),
        data_dir: None,
        quiet: ours().any(|a| a == "--quiet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_become_a_line() {
        let rendered = "error: the following required arguments were not provided:\n  <PROJECT>\n\n\
                        Usage: agent-sandbox create <PROJECT>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            in_one_line(rendered),
            "the following required arguments were not provided: <PROJECT>. \
             Usage: agent-sandbox create <PROJECT>"
        );
    }

    #[test]
    fn what_stands_behind_two_dashes_is_not_ours() {
        let arguments = ["x", "exec", "s", "--", "--json"].map(OsString::from);
        assert!(!global(&arguments).json);
        assert!(global(&["x", "nonsense", "--json"].map(OsString::from)).json);
    }
}
