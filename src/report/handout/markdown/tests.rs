use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::super::view::{Cell, Item};
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

fn words(text: &str) -> Vec<Span> {
    vec![Span::Text {
        text: text.to_owned(),
    }]
}

/// The same value in every place that a value can stand in.
fn everywhere(value: &str) -> String {
    let mut out = Writer::default();
    out.parts(&[
        Part::Paragraph { text: words(value) },
        Part::Heading {
            text: words(&format!("x {value}")),
        },
        Part::List {
            start: None,
            items: vec![Item {
                parts: vec![Part::Paragraph { text: words(value) }],
                tight: true,
            }],
        },
        Part::Table {
            head: vec![Cell { text: words("h") }, Cell { text: words("i") }],
            rows: vec![vec![
                Cell { text: words(value) },
                Cell {
                    text: vec![Span::Code {
                        text: format!("c{value}"),
                    }],
                },
            ]],
        },
        Part::Note {
            parts: vec![
                Part::Paragraph {
                    text: vec![Span::Strong {
                        of: words(&format!("b{value}b")),
                    }],
                },
                Part::Code {
                    label: String::new(),
                    text: format!("c {value}"),
                },
            ],
        },
        Part::Paragraph { text: words("end") },
    ]);
    out.text
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
    // What reaches the writer was cleaned by the view; it begins and ends as a word, so that spaces do not matter.
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
        let expected = format!("{v}x {v}{v}hi{v}c{v}b{v}bc {v}\nend");
        prop_assert_eq!(text, expected);
    }
}

#[test]
fn an_address_without_marks_around_it_becomes_no_link_on_github() {
    assert_eq!(text("http://x www.y"), "http:\\//x www\\.y");
}

#[test]
fn a_block_ends_where_it_should_whatever_is_in_it() {
    let mut out = Writer::default();
    out.fence("bash", "a\n```\n````\nb");
    assert_eq!(out.text, "`````bash\na\n```\n````\nb\n`````\n");
}
