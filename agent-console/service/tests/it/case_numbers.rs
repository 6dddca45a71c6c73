//! Case numbers of domain 2.1.

use songda_service::case_number::CaseNumber;

#[test]
fn case_numbers_are_brought_into_one_form() {
    let same = [
        "（2026）陕0102民初11号",
        "(2026)陕0102民初11号",
        "〔2026〕陕0102民初11号",
        "[2026] 陕0102 民初 11",
        "（２０２６）陕０１０２民初１１号",
    ];
    for text in same {
        assert_eq!(CaseNumber::parse(text).unwrap().canonical, "（2026）陕0102民初11号", "{text}");
    }
    for text in [
        "（2026）陕01民终123号",
        "（2019）最高法知民终1号",
        "（2026）陕0102执恢7号",
        "（2026）陕0102民诉前调528号",
        "（2026）陕0102民初11号之一",
        "〔2025〕京0105民初901号",
    ] {
        assert!(!CaseNumber::parse(text).unwrap().legacy, "{text}");
    }
}

#[test]
fn what_is_no_case_number_is_refused_and_old_ones_are_kept_as_text() {
    for text in
        ["", "（202）陕0102民初11号", "***民初11号", "2026陕0102民初11号", "（2026）陕0102民初号", &"陕".repeat(100)]
    {
        assert!(CaseNumber::parse(text).is_err(), "{text}");
    }
    let old = CaseNumber::parse("（2015）新民初字第00011号").unwrap();
    assert!(old.legacy);
}
