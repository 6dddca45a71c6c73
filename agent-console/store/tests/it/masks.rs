//! Numbers of people are read in every spelling and never show themselves.

use songda_store::masked::{IdNumber, Phone, mask_address, mask_digits, mask_email, mask_spoken};

#[test]
fn r4_3b_one_number_in_many_spellings_is_one_number_and_stays_masked() {
    let spellings = [
        "13800001234",
        "138 0000 1234",
        "138-0000-1234",
        "+8613800001234",
        "0086 138 0000 1234",
        "１３８００００１２３４",
        "(+86)13800001234",
    ];
    for text in spellings {
        let phone = Phone::parse(text).unwrap();
        assert_eq!(phone.reveal(), "13800001234", "{text}");
        assert_eq!(format!("{phone} {phone:?}"), "138****1234 Phone(138****1234)");
        assert!(phone.dialable() && phone.is_demo());
    }
}

#[test]
fn landlines_extensions_and_foreign_numbers_keep_their_shape() {
    let line = Phone::parse("029-88001234").unwrap();
    assert_eq!((line.to_string().as_str(), line.dialable()), ("029-****1234", true));
    for text in ["+86 29 8800 1234", "0086-29-88001234", "０２９－８８００１２３４"] {
        assert_eq!(Phone::parse(text).unwrap().reveal(), "02988001234", "{text}");
    }
    assert!(line.is_demo() && !Phone::parse("029-87651234").unwrap().is_demo());
    let extension = Phone::parse("0917-3261234 转 801").unwrap();
    assert_eq!((extension.reveal(), extension.dialable()), ("09173261234,801", true));
    assert_eq!(extension.to_string(), "0917-****1234");
    let abroad = Phone::parse("00852 5550 1234").unwrap();
    assert_eq!((abroad.reveal(), abroad.dialable()), ("+85255501234", false));
    assert!(Phone::parse("4008001234").unwrap().dialable());
    assert!(Phone::parse("95588").unwrap().dialable());
    assert!(!Phone::parse("12368").unwrap().dialable());
    for bad in ["", "abc", "138", "1380000123412345678", "138/0000", "+", "029-88001234 转"] {
        assert!(Phone::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn identity_numbers_are_repaired_checked_and_masked() {
    for text in
        ["11010519491231002X", "11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ", "110105 19491231 002X"]
    {
        let number = IdNumber::parse("居民身份证", text).unwrap();
        assert!(number.checked(), "{text}");
        assert_eq!(format!("{number} {number:?}"), "110105********002X IdNumber(110105********002X)");
    }
    assert!(!IdNumber::parse("居民身份证", "110105194912310021").unwrap().checked(), "kept, but to be checked");
    assert!(IdNumber::parse("统一社会信用代码", "91350100M000100Y43").unwrap().checked());
    assert!(!IdNumber::parse("统一社会信用代码", "91350100M000100Y44").unwrap().checked());
    assert!(IdNumber::parse("护照", "E12345678").unwrap().checked());
    assert!(IdNumber::parse("居民身份证", "不是号码").is_err());
}

#[test]
fn addresses_and_mail_show_no_more_than_they_must() {
    assert_eq!(mask_email("zhang@x.cn"), "z***@x.cn");
    assert_eq!(mask_email("nonsense"), "***");
    assert_eq!(mask_address("西安市新城区尚德路116号3单元"), "西安市新城区尚德路****");
}

#[test]
fn r4_3b_a_number_inside_a_text_is_hidden_where_nobody_expects_one() {
    assert_eq!(mask_digits("同13812345678，见卷3"), "同***********，见卷3");
    assert_eq!(mask_digits("１３８００００１２３４"), "***********");
    assert_eq!(mask_digits("明确送达联系方式 2026"), "明确送达联系方式 2026");
    assert_eq!(mask_digits(""), "");
    assert_eq!(mask_spoken("已转移到一三八零零零零一二三四，请稍候"), "已转移到***********，请稍候");
    assert_eq!(mask_spoken("幺三八, 0000 一二三四。"), "***, **** ****。");
    assert_eq!(mask_spoken("二零二六年十月，一楼，第一、二、三号"), "二零二六年十月，一楼，第一、二、三号");
    assert_eq!(mask_spoken(""), "");
}
