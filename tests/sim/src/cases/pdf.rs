//! One-page PDF files, written by hand: the documents that the case system serves.
//!
//! Chinese text uses the predefined CJK font of PDF 1.7 (section 9.7.5.2), which is not
//! embedded; the order number stands beside it in Helvetica for viewers without one.

use std::fmt::Write as _;

/// A page with a Chinese title, Chinese lines and a line in Latin letters.
pub(crate) fn page(title: &str, lines: &[String], latin: &str) -> Vec<u8> {
    let mut text = format!("BT /F1 22 Tf 220 760 Td {} Tj ET\n", utf16(title));
    for (n, line) in lines.iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "BT /F1 12 Tf 72 {} Td {} Tj ET", 700 - 24 * n, utf16(line));
    }
    let latin: String = latin.chars().filter(|c| c.is_ascii_alphanumeric() || " -.".contains(*c)).collect();
    let _ = write!(text, "BT /F2 10 Tf 72 60 Td ({latin}) Tj ET");

    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 7 0 R /Resources << /Font << /F1 4 0 R /F2 6 0 R >> >> >>".to_owned(),
        "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UTF16-H /DescendantFonts [5 0 R] >>".to_owned(),
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 5 >> /DW 1000 /FontDescriptor 8 0 R >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>".to_owned(),
    ];
    let mut file = b"%PDF-1.7\n%\xE4\xB8\xAD\xE6\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (n, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", n + 1).as_bytes());
    }
    let start = file.len();
    let _ = write!(table, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    file.extend_from_slice(table.as_bytes());
    file
}

fn utf16(text: &str) -> String {
    let units = text.encode_utf16().flat_map(u16::to_be_bytes);
    format!("<{}>", hex::encode_upper(units.collect::<Vec<u8>>()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_cross_reference_table_points_at_the_objects() {
        let bytes = super::page("传票", &["第一行".to_owned()], "SD-1");
        let text = String::from_utf8_lossy(&bytes);
        let start: usize = text.lines().rev().nth(1).unwrap().parse().unwrap();
        let table = std::str::from_utf8(&bytes[start..]).unwrap();
        let offsets = table.lines().skip(3).take(8).map(|l| l[..10].parse::<usize>().unwrap());
        for (n, offset) in offsets.enumerate() {
            assert!(bytes[offset..].starts_with(format!("{} 0 obj", n + 1).as_bytes()), "object {}", n + 1);
        }
    }
}
