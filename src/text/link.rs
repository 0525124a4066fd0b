//! Which values may be followed.

use super::show::clean;

/// A value as a link's target, if it is one that may be followed: `http` or `https`, and nothing in it that
/// has no place in a URL.
pub(crate) fn link(value: &str) -> Option<&str> {
    let lower = value.get(..8).unwrap_or(value).to_ascii_lowercase();
    let allowed = lower.starts_with("https://") || lower.starts_with("http://");
    let inert = !value.chars().any(|c| {
        c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '^' | '`')
    });
    (allowed && inert && clean(value) == value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_become_links() {
        assert!(link("https://abc.execute-api.us-east-1.amazonaws.com/prod/process").is_some());
        assert!(link("HTTP://127.0.0.1:4566/x").is_some());
        for hostile in [
            "javascript:alert(1)",
            "data:text/html,x",
            " https://x",
            "https://x\" onclick=\"y",
            "https://x\ny",
            "//x",
            "user1-process-data",
            "é",
        ] {
            assert!(link(hostile).is_none(), "{hostile:?}");
        }
    }
}
