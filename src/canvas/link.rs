//! The header `Link` (RFC 8288), by which Canvas says where the next page is.

/// The target of `rel="next"`.
pub(super) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, opened) = rest.split_once('<')?;
        let (target, after) = opened.split_once('>')?;
        // A target has no `<`, so the next one begins another link.
        let end = after.find('<').unwrap_or(after.len());
        let (params, others) = after.split_at(end);
        let mut params = params.split([';', ',']).map(str::trim);
        let is_next = params.any(|param| {
            let rel = param.split_once('=').filter(|(name, _)| {
                let name = name.trim();
                name.eq_ignore_ascii_case("rel")
            });
            rel.is_some_and(|(_, value)| {
                let mut words = value.trim().trim_matches('"').split_whitespace();
                words.any(|word| word.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target);
        }
        rest = others;
    }
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_page_is_found_in_any_order_and_spelling() {
        for (header, found) in [
            (
                "<https://c/a?page=1>; rel=\"current\",<https://c/a?page=bm9;,x>; rel=\"next\"",
                Some("https://c/a?page=bm9;,x"),
            ),
            (
                "<https://c/2>; rel=next, <https://c/9>; rel=last",
                Some("https://c/2"),
            ),
            (
                "<https://c/2>; title=\"a\"; REL=\"last next\"",
                Some("https://c/2"),
            ),
            ("<https://c/next>; rel=\"last\"", None),
            ("<https://c/2>; title=\"rel=next\"", None),
            ("<https://c/2", None),
            ("", None),
        ] {
            assert_eq!(next(header), found, "{header}");
        }
    }
}
