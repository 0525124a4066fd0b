//! What a file is when it is no UTF-8 text: told by its first bytes, so that the message can name it.

/// What to do about a file in another encoding; Excel's own words for the choice.
pub(crate) const SAVE_AS_UTF8: &str = "in Excel, use File > Save As and choose 'CSV UTF-8 (Comma delimited)'; elsewhere, save or export as UTF-8";

/// The mark that a UTF-8 file may begin with.
pub(crate) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// End of file, as old programs write it into the file (Ctrl-Z).
pub(crate) const END_OF_FILE: u8 = 0x1A;

/// So much of a file is looked at.
const LOOK: usize = 4096;

/// Why a file is no table, in words that finish "the file is …", and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) what: &'static str,
    pub(crate) hint: &'static str,
}

const OPEN_IN_EXCEL: &str = "open it in Excel or LibreOffice, then use File > Save As and choose 'CSV UTF-8 (Comma delimited)'";
const OLD_EXCEL: &str = "an old Excel file (.xls), not CSV";
const EXPORT_CSV: &str = "export the class list as CSV (UTF-8) from where it comes from";

const UNPACK: &str = "unpack it and give the CSV file that is in it";

/// Formats by the bytes that a file of theirs begins with.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "an old Excel file (.xls) or one with a password, not CSV",
        OPEN_IN_EXCEL,
    ),
    (b"\x09\x08\x10\x00", OLD_EXCEL, OPEN_IN_EXCEL),
    (b"\x09\x08\x08\x00", OLD_EXCEL, OPEN_IN_EXCEL),
    (b"\x09\x04\x06\x00", OLD_EXCEL, OPEN_IN_EXCEL),
    (b"\x09\x02\x06\x00", OLD_EXCEL, OPEN_IN_EXCEL),
    (b"\x09\x00\x04\x00", OLD_EXCEL, OPEN_IN_EXCEL),
    (b"%PDF", "a PDF document, not CSV", EXPORT_CSV),
    (b"{\\rtf", "an RTF document, not CSV", EXPORT_CSV),
    (b"\x1F\x8B", "a gzip archive, not CSV", UNPACK),
    (b"BZh", "a bzip2 archive, not CSV", UNPACK),
    (b"\xFD7zXZ\x00", "an xz archive, not CSV", UNPACK),
    (b"(\xB5/\xFD", "a Zstandard archive, not CSV", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive, not CSV", UNPACK),
    (b"Rar!\x1A", "a RAR archive, not CSV", UNPACK),
    (b"\x89PNG", "an image, not CSV", EXPORT_CSV),
    (b"GIF8", "an image, not CSV", EXPORT_CSV),
    (b"\xFF\xD8\xFF", "an image, not CSV", EXPORT_CSV),
    (
        b"SQLite format 3\x00",
        "an SQLite database, not CSV",
        EXPORT_CSV,
    ),
    (b"PAR1", "a Parquet file, not CSV", EXPORT_CSV),
    (b"+/v8", "UTF-7, not UTF-8", SAVE_AS_UTF8),
    (b"+/v9", "UTF-7, not UTF-8", SAVE_AS_UTF8),
];

/// What a file is, if it is something else than text in an encoding of one byte or UTF-8.
pub(crate) fn foreign(bytes: &[u8]) -> Option<Foreign> {
    let is = |what, hint| Some(Foreign { what, hint });
    const UTF_32: &str = "UTF-32, not UTF-8";
    const UTF_16: &str = "UTF-16 (what Excel calls 'Unicode Text'), not UTF-8";
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return is(UTF_32, SAVE_AS_UTF8),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return is(UTF_16, SAVE_AS_UTF8),
        _ => {}
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(zip(bytes));
    }
    let text = bytes.strip_prefix(MARK).unwrap_or(bytes);
    if let Some((_, what, hint)) = MAGIC.iter().find(|(magic, ..)| text.starts_with(magic)) {
        return is(what, hint);
    }
    match wide_characters(bytes) {
        Some(4) => is(UTF_32, SAVE_AS_UTF8),
        Some(2) => is(UTF_16, SAVE_AS_UTF8),
        _ if bytes.contains(&0) => is(
            "no text: it has NUL bytes (code 0) in it",
            "give the CSV file itself; if it is one, copy it again from where it comes from",
        ),
        _ => markup(text),
    }
}

fn zip(bytes: &[u8]) -> Foreign {
    let has = |what: &[u8]| bytes.windows(what.len()).any(|w| w == what);
    let (what, hint) = if has(b"xl/worksheets") || has(b"xl/workbook") {
        (
            "an Excel workbook (.xlsx), a spreadsheet and not a CSV file",
            OPEN_IN_EXCEL,
        )
    } else if has(b"opendocument.spreadsheet") {
        (
            "an OpenDocument spreadsheet (.ods), not a CSV file",
            OPEN_IN_EXCEL,
        )
    } else {
        (
            "a spreadsheet or a zip archive, not a CSV file",
            "in a spreadsheet, use File > Save As and choose 'CSV UTF-8 (Comma delimited)'; an archive has to be unpacked first",
        )
    };
    Foreign { what, hint }
}

/// Bytes of a character, if NUL bytes stand as in Latin text of two or four bytes a character.
fn wide_characters(bytes: &[u8]) -> Option<usize> {
    let head = &bytes[..bytes.len().min(LOOK)];
    // Whether most of every `of`-th byte from `rest` on are zero.
    let zero = |rest: usize, of: usize| {
        let (all, zeros) = head
            .iter()
            .skip(rest)
            .step_by(of)
            .fold((0, 0), |(n, z), b| (n + 1, z + usize::from(*b == 0)));
        all > 0 && zeros * 10 >= all * 7
    };
    let full = |rest: usize, of: usize| head.len() >= of && !zero(rest, of);
    if zero(1, 4) && zero(2, 4) && (zero(3, 4) && full(0, 4) || zero(0, 4) && full(3, 4)) {
        return Some(4);
    }
    (zero(1, 2) && full(0, 2) || zero(0, 2) && full(1, 2)).then_some(2)
}

/// A web page, XML, JSON, a card: what begins as no header of a table does.
fn markup(bytes: &[u8]) -> Option<Foreign> {
    let head = &bytes[..bytes.len().min(LOOK)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = head.trim_start();
    let is = |what, hint| Some(Foreign { what, hint });
    const WEB_PAGE: &str = "it may be the page that asks to sign in: download the class list again as CSV; a page that holds a table opens in Excel, where File > Save As has 'CSV UTF-8 (Comma delimited)'";
    if let Some(tag) = text.strip_prefix('<') {
        if text.contains("urn:schemas-microsoft-com:office:spreadsheet") && !text.contains("<html")
        {
            return is("an XML spreadsheet of Excel, not CSV", OPEN_IN_EXCEL);
        }
        let is_page = "!doctype html,html,head,body,table,meta,title,div,script,style,tr"
            .split(',')
            .any(|page| tag.starts_with(page));
        if is_page || text.contains("<html") || text.contains("<table") {
            return is("a web page (HTML), not CSV", WEB_PAGE);
        }
        if tag.starts_with(['?', '!'])
            || (tag.starts_with(|c: char| c.is_ascii_alphabetic()) && tag.contains("</"))
        {
            return is("XML, not CSV", EXPORT_CSV);
        }
    }
    if text.starts_with("mime-version:") {
        return is("a web page in one file (MHTML), not CSV", OPEN_IN_EXCEL);
    }
    if text.starts_with("begin:vcard") || text.starts_with("begin:vcalendar") {
        return is("a file of contacts or dates, not CSV", EXPORT_CSV);
    }
    let inner = text
        .strip_prefix(['{', '['])
        .map(|rest| rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '{' | '[')));
    if inner.is_some_and(|inner| inner.starts_with('"') && inner.contains("\":")) {
        return is("JSON, not CSV", EXPORT_CSV);
    }
    None
}

/// Bytes 0x80 to 0x9F of Windows-1252; U+FFFD where it has none.
const HIGH: [char; 32] = [
    '€', '\u{FFFD}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{FFFD}', 'Ž',
    '\u{FFFD}', '\u{FFFD}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{FFFD}',
    'ž', 'Ÿ',
];

/// Whether so many bytes are neither printable ASCII nor white space that it is no table of an encoding in which Latin
/// letters and separators are one byte each: EBCDIC, a binary file.
pub(crate) fn is_unreadable(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(LOOK)];
    let odd = |byte: &&u8| !matches!(**byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | END_OF_FILE);
    head.iter().filter(odd).count() * 2 > head.len()
}

/// What a text was before its UTF-8 was read as Windows-1252: `José` for `JosÃ©`; `None` for a text that was not.
pub(crate) fn before_mojibake(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let encode = |c: char| match u32::from(c) {
        code @ 0..=0xFF => u8::try_from(code).ok(),
        _ => HIGH
            .iter()
            .position(|high| *high == c && c != '\u{FFFD}')
            .and_then(|at| u8::try_from(at + 0x80).ok()),
    };
    let bytes: Vec<u8> = text.chars().map(encode).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows_1252(bytes: &[u8]) -> String {
        let decode = |byte: &u8| match byte {
            0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
            _ => char::from(*byte),
        };
        bytes.iter().map(decode).collect()
    }

    fn named(bytes: &[u8], word: &str) {
        let foreign = foreign(bytes).unwrap_or_else(|| panic!("{word}: not seen"));
        assert!(foreign.what.contains(word), "{word}: {}", foreign.what);
        assert!(
            foreign.what.contains("not ") || foreign.what.contains("no text"),
            "{}",
            foreign.what
        );
    }

    fn wide(text: &str, before: usize, after: usize) -> Vec<u8> {
        let zeros = |n: usize| std::iter::repeat_n(0, n);
        text.bytes()
            .flat_map(|b| {
                zeros(before)
                    .chain([b])
                    .chain(zeros(after))
                    .collect::<Vec<u8>>()
            })
            .collect()
    }

    #[test]
    fn formats_that_are_no_csv_are_named() {
        named(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0", "old Excel");
        named(b"\x09\x08\x10\x00\x00\x06", "old Excel");
        named(
            b"PK\x03\x04\x14\0\x06\0...xl/worksheets/sheet1.xml",
            ".xlsx",
        );
        named(
            b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            ".ods",
        );
        named(b"PK\x03\x04readme.txt", "zip archive");
        named(b"%PDF-1.7\n%\xE2\xE3", "PDF");
        named(b"\xEF\xBB\xBF%PDF-1.7\n", "PDF");
        named(b"\x1F\x8B\x08\0\0", "gzip");
        named(b"{\\rtf1\\ansi", "RTF");
        named(b"\xFF\xD8\xFF\xE0", "image");
        named(b"username,name\nana,A\0na\n", "NUL");
    }

    #[test]
    fn wide_encodings_are_named_with_and_without_their_mark() {
        let text = "username,name\nana,Ana\n";
        named(&wide(text, 0, 1), "UTF-16");
        named(&wide(text, 1, 0), "UTF-16");
        named(&wide(text, 0, 3), "UTF-32");
        named(&wide(text, 3, 0), "UTF-32");
        named(
            &[b"\xFF\xFE".as_slice(), &wide(text, 0, 1)].concat(),
            "UTF-16",
        );
        named(
            &[b"\xFE\xFF".as_slice(), &wide(text, 1, 0)].concat(),
            "UTF-16",
        );
        named(
            &[b"\xFF\xFE\0\0".as_slice(), &wide(text, 0, 3)].concat(),
            "UTF-32",
        );
        named(
            &[b"\0\0\xFE\xFF".as_slice(), &wide(text, 3, 0)].concat(),
            "UTF-32",
        );
        // Every second byte of the first line only: names in another script follow.
        let mixed: Vec<u8> = "username,name\nana,שרה\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        named(&mixed, "UTF-16");
    }

    #[test]
    fn web_pages_xml_and_json_are_named() {
        named(b"<!DOCTYPE html><html><body>Please sign in", "web page");
        named(b"\xEF\xBB\xBF\r\n <HTML>\n<head>", "web page");
        named(b"<table border=1><tr><td>a", "web page");
        named(b"<?xml version=\"1.0\"?>\n<html xmlns=\"x\">", "web page");
        named(b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">", "XML spreadsheet");
        named(b"<?xml version=\"1.0\"?><students>", "XML");
        named(b"MIME-Version: 1.0\r\n", "MHTML");
        named(b"[\n  {\"username\": \"ana\"}]", "JSON");
        named(b"{\"students\": []}", "JSON");
    }

    #[test]
    fn tables_are_not_taken_for_anything_else() {
        for text in [
            "",
            "username,name\nana,Ana\n",
            "\u{feff}username\n",
            "[id],name\n",
            "<username>,name\n",
            "\"{a}\",b\n",
            "PK,username\n",
            "BZ,h\n",
        ] {
            assert_eq!(foreign(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn what_no_encoding_like_ascii_makes_readable_is_told_from_what_is() {
        // "username,name" in EBCDIC (code page 500).
        let ebcdic = b"\xA4\xA2\x85\x99\x95\x81\x94\x85k\x95\x81\x94\x85%";
        assert!(is_unreadable(ebcdic) && is_unreadable(&[0x81, 0x92, 0x03, 0x04]));
        // Shift JIS, Windows-1251.
        for text in [
            b"username,name\nana,\x8ER\x93c".as_slice(),
            b"username,name\nana,\xC8\xE2\xE0\xED\n",
        ] {
            assert!(!is_unreadable(text), "{text:?}");
        }
    }

    #[test]
    fn utf_8_that_was_read_as_windows_1252_is_recognised() {
        for name in ["José", "Zoë", "Łukasz", "王芳", "O’Brien"] {
            let spoilt = windows_1252(name.as_bytes());
            // Some bytes have no character in Windows-1252; what was lost cannot be told.
            if !spoilt.contains('\u{FFFD}') {
                assert_eq!(before_mojibake(&spoilt).as_deref(), Some(name), "{spoilt}");
            }
            assert_eq!(before_mojibake(name), None);
        }
        assert_eq!(before_mojibake("JosÃ©").as_deref(), Some("José"));
        for fine in ["Ana", "Núñez", "Ã", "Müller-Lüdenscheidt", "€5"] {
            assert_eq!(before_mojibake(fine), None, "{fine}");
        }
    }
}
