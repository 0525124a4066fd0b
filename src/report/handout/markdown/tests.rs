use proptest::prelude::*;
use pulldown_cmark::{Options, Parser};

use super::*;
use crate::text::show::clean;

/// What a reader makes of a document: what kinds of things are in it, and all of its text.
fn read(document: &str) -> (Vec<String>, String) {
    let mut kinds = Vec::new();
    let mut words = String::new();
    for event in Parser::new_ext(document, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
        match event {
            Event::Text(part) | Event::Code(part) => words.push_str(&part),
            Event::Start(Tag::Link { dest_url, .. }) => kinds.push(format!("link {dest_url}")),
            Event::Start(tag) => kinds.push(
                format!("{tag:?}")
                    .split(['(', ' '])
                    .next()
                    .unwrap()
                    .to_owned(),
            ),
            Event::End(_) => {}
            other => kinds.push(format!("{other:?}").split('(').next().unwrap().to_owned()),
        }
    }
    (kinds, words)
}

/// The same value in every place that a value can stand in.
fn everywhere(value: &str) -> String {
    let strong = |value: &str| within(Tag::Strong, [text(value)]);
    let link = |url: &str| Tag::Link {
        link_type: LinkType::Inline,
        dest_url: url.to_owned().into(),
        title: "".into(),
        id: "".into(),
    };
    let linked = || within(link("https://x.example/a|b"), [text(value)]);
    let item = within(Tag::Item, [text(value)]);
    let inner = within(Tag::Item, within(Tag::List(None), item.clone()));
    let quoted = [
        paragraph(strong(&format!("b{value}b"))),
        fenced("", &format!("c {value}")),
    ];
    written(
        [
            paragraph([text(value)]),
            within(heading(HeadingLevel::H3), [text(&format!("x {value}"))]),
            within(Tag::List(None), [item, inner].concat()),
            table(
                &["h", "i"],
                [vec![
                    [vec![text(value)], linked()].concat(),
                    vec![code(&format!("c{value}"))],
                ]]
                .into_iter(),
            ),
            within(Tag::BlockQuote(None), quoted.concat()),
            paragraph([strong(value), vec![text(&format!(" {value}"))], linked()].concat()),
            paragraph([text("end")]),
        ]
        .concat(),
    )
    .unwrap()
}

fn hostile() -> impl Strategy<Value = String> {
    let whole = prop_oneof![
        "[-#+=*_`~\\[\\](){}<>!|\\\\&$^:.@/0-9a-c \"']{1,24}",
        any::<String>(),
        Just("[x](https://evil.example)".to_owned()),
        Just("![x](https://evil.example/p.png)".to_owned()),
        Just("<img src=x onerror=alert(1)>".to_owned()),
        Just("```\n<script>".to_owned()),
        Just("1. x".to_owned()),
        Just("see http://evil.example or www.evil.example".to_owned()),
        Just("a | b |\n|---|".to_owned()),
        Just("---".to_owned()),
        Just("[^1]: note".to_owned()),
        Just("$x$ ^up^ ~down~ ~~gone~~ ||secret|| [[wiki]] :smile: {#id}".to_owned()),
    ];
    // What reaches the writer is cleaned; it begins and ends as a word, so that spaces do not matter.
    whole.prop_map(|text| {
        let text: Vec<_> = clean(&text).split_whitespace().map(str::to_owned).collect();
        format!("{}q", text.join(" "))
    })
}

proptest! {
    #[test]
    fn a_hostile_value_is_the_text_that_it_is_wherever_it_stands(value in hostile()) {
        let (kinds, text) = read(&everywhere(&value));
        let (plain, _) = read(&everywhere("plain"));
        prop_assert_eq!(kinds, plain, "{}", everywhere(&value));
        let v = &value;
        let expected = format!("{v}x {v}{v}{v}hi{v}{v}c{v}b{v}bc {v}\n{v} {v}{v}end");
        prop_assert_eq!(text, expected);
    }
}

/// Paragraphs with a value right beside emphasis, which Markdown cannot always say.
fn beside_emphasis(value: &str) -> String {
    written(emphasised(value)).unwrap()
}

fn emphasised(value: &str) -> Events {
    let strong = within(Tag::Strong, [text(value)]);
    let emphasis = within(Tag::Emphasis, [text(value)]);
    let all = [vec![text(value)], strong, vec![text(value)], emphasis];
    paragraph(all.concat())
}

proptest! {
    #[test]
    fn words_survive_even_where_markdown_cannot_emphasise_them(value in hostile()) {
        let (kinds, text) = read(&beside_emphasis(&value));
        prop_assert_eq!(text, value.repeat(4), "{}", beside_emphasis(&value));
        let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
        let plain = ["Paragraph", "Strong", "Emphasis"];
        prop_assert!(kinds == plain || kinds == plain[..1], "{:?}", kinds);
    }
}

/// What the library cannot write, and what of it `docs/decisions.md` names.
#[test]
fn a_name_that_cannot_be_emphasised_costs_the_emphasis_only() {
    let unwritable = "[\\q";
    assert_eq!(beside_emphasis("plain"), "plain**plain**plain*plain*\n");
    let (kinds, text) = read(&beside_emphasis(unwritable));
    assert_eq!(
        (kinds, text),
        (vec!["Paragraph".to_owned()], unwritable.repeat(4))
    );
}

#[test]
fn a_name_that_cannot_be_emphasised_leaves_other_blocks_as_they_are() {
    let unwritable = "[\\q";
    let blocks = [emphasised("a"), emphasised(unwritable), emphasised("c")];
    let expected = ["a", unwritable, "c"].map(beside_emphasis).join("\n");
    assert_eq!(written(blocks.concat()).unwrap(), expected);
}

#[test]
fn an_empty_value_at_the_edge_of_a_block_costs_no_emphasis() {
    let strong = || within(Tag::Strong, [text("a")]);
    for tag in [Tag::Paragraph, heading(HeadingLevel::H3)] {
        let block = [vec![text("  ")], strong(), vec![text(" ")]].concat();
        let out = written(within(tag.clone(), block)).unwrap();
        assert!(
            out.trim_start_matches("### ") == "**a**\n",
            "{tag:?}: {out:?}"
        );
    }
    let item = [strong(), vec![text(": ")]].concat();
    let list = within(Tag::List(Some(1)), within(Tag::Item, item));
    assert_eq!(written(list).unwrap(), "1. **a**:\n");
}

#[test]
fn an_address_without_marks_around_it_becomes_no_link_on_github() {
    let out = written(paragraph([text("http://x www.y")])).unwrap();
    assert_eq!(out, "http:\\//x www\\.y\n");
    assert_eq!(
        written(paragraph(autolink("https://x/|"))).unwrap(),
        "<https://x/%7C>\n"
    );
}

#[test]
fn a_colon_begins_no_definition() {
    let paragraphs = [paragraph([text("a")]), paragraph([text(":b")])].concat();
    assert_eq!(written(paragraphs).unwrap(), "a\n\n\\:b\n");
}

#[test]
fn a_block_ends_where_it_should_whatever_is_in_it() {
    let out = written(fenced("bash", "a\n```\n````\nb")).unwrap();
    // The library begins a fence on a line of its own, even the document's first.
    assert_eq!(out, "\n`````bash\na\n```\n````\nb\n`````\n");
}
