//! Numbers on file, and how trunks want them written (E39).

use proptest::prelude::*;
use songda_calls::numbering::{
    Abroad, Callee, CallerFormat, Dialled, Format, Home, Kind, LocalMobiles, Refusal, Style, caller,
};

fn format(style: Style) -> Format {
    Format { style, ..Format::default() }
}

fn written(format: &Format, number: &str) -> String {
    let Dialled { number, .. } = format.write(&Callee::parse(number).unwrap()).unwrap();
    number.reveal().to_owned()
}

#[test]
fn e39_every_kind_of_number_on_file_is_known() {
    let kinds = [
        ("13800001234", Kind::Mobile),
        ("013800001234", Kind::Mobile),
        ("+86 138-0000-1234", Kind::Mobile),
        ("19900001234", Kind::Mobile),
        ("010-88001234", Kind::Landline { area: 3 }),
        ("02988001234", Kind::Landline { area: 3 }),
        ("0917-3261234", Kind::Landline { area: 4 }),
        ("+862988001234", Kind::Landline { area: 3 }),
        ("02995588", Kind::Landline { area: 3 }),
        ("4008001234", Kind::Toll),
        ("8008101234", Kind::Toll),
        ("95588", Kind::Customer),
        ("96123", Kind::Customer),
        ("+85255501234", Kind::Abroad(Abroad::HongKong)),
        ("0085366661234", Kind::Abroad(Abroad::Macau)),
        ("+886223456789", Kind::Abroad(Abroad::Taiwan)),
        ("+12025550100", Kind::Abroad(Abroad::Foreign)),
    ];
    for (text, kind) in kinds {
        assert_eq!(Callee::parse(text).map(|callee| callee.kind()), Ok(kind), "{text}");
    }
}

#[test]
fn e39_emergency_service_and_premium_numbers_are_refused_however_they_are_written() {
    let refused = [
        ("110", Refusal::Emergency),
        ("119", Refusal::Emergency),
        ("120", Refusal::Emergency),
        ("122", Refusal::Emergency),
        ("1-1-0", Refusal::Emergency),
        ("0110", Refusal::Emergency),
        ("029110", Refusal::Emergency),
        ("0917120", Refusal::Emergency),
        ("+86110", Refusal::Emergency),
        ("0086 119", Refusal::Emergency),
        ("110,1", Refusal::Emergency),
        ("12110", Refusal::Emergency),
        ("+852999", Refusal::Unreadable),
        ("10086", Refusal::Service),
        ("12368", Refusal::Service),
        ("114", Refusal::Service),
        ("16812345", Refusal::Premium),
        ("02916812345", Refusal::Premium),
        ("+19005550100", Refusal::Premium),
        ("001100000", Refusal::Unreadable),
        ("+1 120 555 0100", Refusal::Unreadable),
        ("+8821234567", Refusal::Premium),
        ("+85290012345678", Refusal::Premium),
        ("", Refusal::Unreadable),
        ("12", Refusal::Service),
        ("02912345", Refusal::Service),
        ("88001234", Refusal::Unreadable),
        ("138000012", Refusal::Service),
        ("1380000123456", Refusal::Unreadable),
        ("0298800123456", Refusal::Unreadable),
        ("sip:13800001234", Refusal::Unreadable),
        ("13800001234,", Refusal::Unreadable),
        ("13800001234,123456789", Refusal::Unreadable),
    ];
    for (text, refusal) in refused {
        assert_eq!(Callee::parse(text).map(|callee| callee.kind()), Err(refusal), "{text}");
        let said = refusal.to_string();
        assert!(!said.chars().any(|c| c.is_ascii_digit()), "{said}");
    }
}

#[test]
fn e39_each_trunk_gets_the_number_in_its_own_form() {
    let plain = format(Style::National);
    for (number, expected) in [
        ("13800001234", "13800001234"),
        ("02988001234", "02988001234"),
        ("4008001234", "4008001234"),
        ("95588", "95588"),
    ] {
        assert_eq!(written(&plain, number), expected);
    }
    let e164 = format(Style::E164);
    for (number, expected) in [
        ("13800001234", "+8613800001234"),
        ("02988001234", "+862988001234"),
        ("4008001234", "+864008001234"),
        ("95588", "95588"),
    ] {
        assert_eq!(written(&e164, number), expected);
    }
    assert_eq!(written(&format(Style::CountryCode), "02988001234"), "862988001234");
    let exchange = Format { access_prefix: "9".into(), ..format(Style::National) };
    assert_eq!(written(&exchange, "13800001234"), "913800001234");
    let both = Format { access_prefix: "9".into(), ..format(Style::E164) };
    assert_eq!(written(&both, "13800001234"), "98613800001234");
}

#[test]
fn e39_a_mobile_of_another_area_gets_a_zero_and_one_of_ours_does_not() {
    let mobiles = LocalMobiles::try_from(vec!["1380000".to_owned()]).unwrap();
    let home = Home { area: "029".into(), mobiles };
    let xian =
        Format { home, zero_before_distant_mobiles: true, own_area_without_code: true, ..format(Style::National) };
    assert_eq!(written(&xian, "13800001234"), "13800001234");
    assert_eq!(written(&xian, "13911111234"), "013911111234");
    assert_eq!(written(&xian, "02988001234"), "88001234");
    assert_eq!(written(&xian, "01088001234"), "01088001234");
    assert!(LocalMobiles::try_from(vec!["1380000".to_owned(), "138".to_owned()]).is_err());
}

#[test]
fn e39_hong_kong_macau_taiwan_and_foreign_numbers_are_off_until_a_trunk_is_opened_for_them() {
    let shut = format(Style::National);
    let places = [
        ("+85255501234", Abroad::HongKong, "0085255501234"),
        ("+85366661234", Abroad::Macau, "0085366661234"),
        ("+886223456789", Abroad::Taiwan, "00886223456789"),
        ("+12025550100", Abroad::Foreign, "0012025550100"),
    ];
    for (number, place, dialled) in places {
        let callee = Callee::parse(number).unwrap();
        assert_eq!(shut.write(&callee), Err(Refusal::Abroad(place)));
        let open = Format { abroad: vec![place], ..shut.clone() };
        assert_eq!(open.write(&callee).unwrap().number.reveal(), dialled);
        let plus = Format { style: Style::E164, ..open };
        assert_eq!(plus.write(&callee).unwrap().number.reveal(), number);
    }
}

#[test]
fn e39_an_extension_is_pressed_after_the_answer_and_never_dialled() {
    let callee = Callee::parse("0917-3261234转801").unwrap();
    let dialled = format(Style::National).write(&callee).unwrap();
    assert_eq!((dialled.number.reveal(), dialled.post_dial.as_deref()), ("09173261234", Some("801")));
    assert_eq!(Callee::parse("0085255501234,12").unwrap().extension(), Some("12"));
}

#[test]
fn the_courts_own_number_is_written_as_its_trunk_wants_it() {
    let landline = "02988001234";
    let national = CallerFormat::default();
    assert_eq!(caller(landline, national).reveal(), landline);
    assert_eq!(caller(landline, CallerFormat { without_area: true, ..national }).reveal(), "88001234");
    assert_eq!(caller(landline, CallerFormat { style: Style::E164, ..national }).reveal(), "+862988001234");
    assert_eq!(caller("12368", CallerFormat { style: Style::E164, ..national }).reveal(), "12368");
}

#[test]
fn a_callee_shows_itself_masked() {
    let shown = format!("{:?}", Callee::parse("13800001234,88").unwrap());
    assert!(shown.contains("138****1234") && !shown.contains("00001234"), "{shown}");
}

#[test]
fn a_format_that_cannot_be_meant_names_its_field() {
    let bad = Format { access_prefix: "9w".into(), ..Format::default() };
    assert_eq!(bad.check().unwrap_err().0, "access_prefix");
    let bad = Format { own_area_without_code: true, ..Format::default() };
    assert_eq!(bad.check().unwrap_err().0, "home.area");
    assert_eq!(Format::default().check(), Ok(()));
}

fn any_format() -> impl Strategy<Value = Format> {
    let style = prop_oneof![Just(Style::National), Just(Style::E164), Just(Style::CountryCode)];
    (style, "[0-9]{0,2}", any::<bool>(), any::<bool>()).prop_map(|(style, access_prefix, zero, short)| Format {
        style,
        access_prefix,
        home: Home { area: "029".into(), mobiles: LocalMobiles::default() },
        zero_before_distant_mobiles: zero,
        own_area_without_code: short,
        abroad: vec![Abroad::HongKong, Abroad::Macau, Abroad::Taiwan, Abroad::Foreign],
    })
}

proptest! {
    #[test]
    fn e39_no_format_invents_or_loses_a_digit(format in any_format(), text in "(\\+|0|1|00)?[0-9]{3,14}(,[0-9]{1,4})?") {
        if let Ok(callee) = Callee::parse(&text) {
            let Dialled { number, post_dial } = format.write(&callee).unwrap();
            let main: String = text.split(',').next().unwrap().chars().filter(char::is_ascii_digit).collect();
            // What is left of both without prefixes: the last seven digits are the subscriber.
            let subscriber = &main[main.len().saturating_sub(7)..];
            let dialled = number.reveal();
            prop_assert!(dialled.ends_with(&subscriber[subscriber.len().saturating_sub(5)..]));
            prop_assert!(dialled.len() <= main.len() + 2 + 3);
            prop_assert_eq!(post_dial.as_deref(), text.split_once(',').map(|(_, extension)| extension));
            prop_assert!(!dialled.trim_start_matches(&format.access_prefix[..]).starts_with("110") || dialled.len() > 8);
        }
    }

    #[test]
    fn e39_nothing_that_is_read_panics(text in "\\PC{0,50}") {
        let _ = Callee::parse(&text);
    }

    #[test]
    fn e39_no_spelling_of_an_emergency_number_can_be_written(
        number in prop_oneof![Just("110"), Just("119"), Just("120"), Just("122")],
        before in prop_oneof![Just(""), Just("0"), Just("029"), Just("0917"), Just("+86"), Just("0086"), Just("+8629")],
        layout in "[ .()-]{0,3}",
    ) {
        let written = [before, &layout, number].concat();
        prop_assert!(Callee::parse(&written).is_err());
    }
}
