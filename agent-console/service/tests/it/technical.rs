//! Every final answer becomes its technical code, in the order of domain 2.4.

use songda_service::outcomes::{
    ANNOUNCED, CallFacts, CauseRule, CauseTable, Choice, HOUSE, LineFacts, catalogue, check, judge,
};
use songda_store::testing::NINE_O_CLOCK;

fn line(status: u16, q850: Option<u8>, rang_ms: i64) -> LineFacts {
    LineFacts { status: Some(status), q850, provisional: rang_ms >= 0, rang_ms: rang_ms.max(0), ..Default::default() }
}

#[test]
fn final_answers_become_technical_codes() {
    let cases = [
        (line(404, Some(1), 3_000), "C07"),
        (line(410, None, 3_000), "C07"),
        (line(484, None, -1), "C07"),
        (line(604, None, -1), "C07"),
        (line(486, None, 500), "C03"),
        (line(486, Some(17), 9_000), "C03"),
        (line(486, None, 2_001), "C04"),
        (line(600, None, 0), "C03"),
        (line(600, None, 9_000), "C03"),
        (line(603, None, 4_000), "C04"),
        (line(603, Some(21), 4_000), "C04"),
        (line(480, None, 20_000), "C02"),
        (line(480, None, 19_999), "C08"),
        (line(480, Some(20), 30_000), "C08"),
        (line(480, Some(18), 5_000), "C02"),
        (line(480, Some(27), 5_000), "C06"),
        (line(408, None, 5_000), "C02"),
        (line(408, None, -1), "C11"),
        (line(403, None, 5_000), "C09"),
        (line(403, None, -1), "C11"),
        (line(401, None, -1), "C11"),
        (line(407, Some(17), 5_000), "C11"),
        (line(488, None, 5_000), "C11"),
        (line(503, Some(18), 5_000), "C11"),
        (line(480, Some(34), 5_000), "C11"),
        (line(480, Some(16), 25_000), "C02"),
    ];
    for (facts, code) in cases {
        assert_eq!(judge(&facts), code, "{facts}");
    }
}

#[test]
fn what_we_did_ourselves_is_judged_before_what_the_line_says() {
    let answered = LineFacts { answered: true, ..line(486, Some(17), 1) };
    assert_eq!(judge(&answered), "C01");
    let unheard = LineFacts { answered: true, our_fault: true, ..Default::default() };
    assert_eq!(judge(&unheard), "C11", "answered, but our side failed before anybody spoke");
    let early = LineFacts { cancelled_by_agent: true, ..line(487, None, -1) };
    assert_eq!(judge(&early), "C12");
    let late = LineFacts { cancelled_by_agent: true, ..line(487, None, 9_000) };
    assert_eq!(judge(&late), "C02");
    assert!(late.given_up_early() && !early.given_up_early(), "提前挂断 is flagged where it rang");
    let silent = LineFacts { cancelled_by_agent: true, ..Default::default() };
    assert_eq!(judge(&silent), "C12", "nothing came before our CANCEL");
    let fault = LineFacts { cancelled_by_agent: true, ..line(503, None, 9_000) };
    assert_eq!(judge(&fault), "C11", "our own fault comes first");
    let limit = LineFacts { ring_limit: true, ..line(487, None, 50_000) };
    assert_eq!(judge(&limit), "C02");
    let dumb = LineFacts { ring_limit: true, ..line(487, None, -1) };
    assert_eq!(judge(&dumb), "C11", "it never rang");
    let ours = LineFacts { our_fault: true, ..line(404, Some(1), 9_000) };
    assert_eq!(judge(&ours), "C11");
    assert_eq!(judge(&LineFacts::default()), "C11", "no answer at all");
}

#[test]
fn failures_of_our_own_side_are_no_attempts() {
    let catalogue = catalogue().unwrap();
    let none: Vec<_> = catalogue.technical.iter().filter(|code| !code.attempt).map(|code| code.code.as_str()).collect();
    assert_eq!(none, ["C11", "C12"]);
    assert_eq!((catalogue.technical.len(), catalogue.contacts.len()), (13, 12));
    for code in &catalogue.businesses {
        for contact in &code.contacts {
            assert!(catalogue.contact(contact).is_some(), "{} names {contact}", code.code);
        }
    }
    let keys: Vec<_> = catalogue.businesses.iter().filter_map(|code| code.key).collect();
    assert_eq!(keys, (1..=9).collect::<Vec<u8>>());
}

fn call() -> CallFacts {
    CallFacts {
        ended: true,
        answered: true,
        talk_ms: 20_000,
        recorded: true,
        is_attempt: true,
        child: false,
        machine: false,
        now_ms: NINE_O_CLOCK,
    }
}

fn choice(contact: &str, business: &str, heard_all: bool) -> Choice {
    Choice { contact: contact.into(), business: business.into(), heard_all, ..Default::default() }
}

fn with(contact: &str, business: &str, fields: &[(&str, &str)], heard_all: bool) -> Choice {
    let fields = fields.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
    Choice { fields, ..choice(contact, business, heard_all) }
}

#[test]
fn r4_1d_an_outcome_is_refused_when_the_call_does_not_bear_it() {
    let catalogue = catalogue().unwrap();
    let told = choice("W1", "B05", true);
    let cases = [
        (call(), told.clone(), Ok(())),
        (CallFacts { talk_ms: 19_999, ..call() }, told.clone(), Err("outcome.talk_too_short")),
        (CallFacts { recorded: false, ..call() }, told.clone(), Err("outcome.no_recording")),
        (CallFacts { ended: false, ..call() }, told.clone(), Err("call.not_ended")),
        (CallFacts { is_attempt: false, ..call() }, told.clone(), Err("outcome.not_an_attempt")),
        (CallFacts { answered: false, ..call() }, told, Err("outcome.not_answered")),
        (CallFacts { answered: false, ..call() }, choice("", "", false), Ok(())),
        (call(), choice("", "B01", false), Err("outcome.contact_required")),
        (call(), choice("W1", "", false), Err("outcome.business_required")),
        (call(), choice("W1", "B05", false), Err("outcome.heard_all_required")),
        (call(), choice("W99", "B01", false), Err("outcome.unknown_code")),
        (call(), choice("W1", "B99", false), Err("outcome.unknown_code")),
        (call(), choice("W9", "B05", true), Err("outcome.contact_may_not")),
        (call(), choice("W9", "B14", true), Err("outcome.heard_all_contact")),
        (call(), choice("W11", "B08", true), Err("outcome.heard_all_contact")),
        (call(), with("W1", "B08", &[("at", "2026-11-23T15:30")], true), Ok(())),
        (call(), with("W9", "B14", &[("who", "妻子"), ("until", "2026-11-24")], false), Ok(())),
        (call(), choice("W12", "B01", false), Err("outcome.machine")),
        (call(), choice("W12", "", false), Ok(())),
        (call(), choice("W10", "", false), Ok(())),
    ];
    for (call, choice, expected) in cases {
        let found = check(catalogue, &call, &choice).map(|_| ()).map_err(|refusal| refusal.code);
        assert_eq!(found, expected, "{call:?} {choice:?}");
    }
}

/// Business code, what was typed, and the first mask or the field at fault.
type Filling<'a> = (&'a str, &'a [(&'a str, &'a str)], Result<&'a str, &'a str>);

#[test]
fn r4_1d_an_outcome_says_what_its_code_asks_for_and_names_what_is_missing() {
    let catalogue = catalogue().unwrap();
    // The fixed clock stands at 9:00 on 2026-11-23.
    let cases: &[Filling<'_>] = &[
        ("B01", &[], Err("mobile")),
        ("B01", &[("mobile", " ")], Err("mobile")),
        ("B01", &[("mobile", "029-88001234")], Err("mobile")),
        ("B01", &[("mobile", "138 0000 1234")], Ok("138****1234")),
        ("B01", &[("email", "wang@example.cn")], Ok("w***@example.cn")),
        ("B01", &[("email", "wang@example")], Err("email")),
        ("B01", &[("email", "a b@example.cn")], Err("email")),
        ("B02", &[], Err("address")),
        ("B02", &[("address", "西安")], Err("address")),
        ("B02", &[("address", "西安市新城区尚德路116号")], Ok("西安市新城区尚德路****")),
        ("B04", &[("at", "2026-11-24T10:00"), ("place", "尚德路116号3楼")], Ok("2026-11-24T10:00:00+08:00")),
        ("B04", &[("at", "2026-11-24T10:00")], Err("place")),
        ("B07", &[("kind", "line_lost")], Ok("line_lost")),
        ("B07", &[("kind", "13800001234")], Err("kind")),
        ("B08", &[("at", "2026-11-23T08:59")], Err("at")),
        ("B08", &[("at", "2026-11-23T20:59")], Ok("2026-11-23T20:59:00+08:00")),
        ("B08", &[("at", "2026-11-23T21:00")], Err("at")),
        ("B08", &[("at", "2026-11-24T07:59")], Err("at")),
        ("B08", &[("at", "2026-11-24T08:00+08:00")], Err("at")),
        ("B08", &[("at", "2027-11-24T09:00")], Err("at")),
        ("B10", &[], Err("phone")),
        ("B10", &[("phone", "110")], Err("phone")),
        ("B10", &[("phone", "+85255501234")], Ok("+852****1234")),
        ("B10", &[("phone", "4008001234")], Ok("****34")),
        ("B10", &[("phone", "029-88001234")], Ok("029-****1234")),
        ("B11", &[("kind", "z")], Err("kind")),
        ("B13", &[("kind", "language"), ("language", "维吾尔语")], Ok("language")),
        ("B16", &[("way", "mail"), ("date", "2026-02-30")], Err("date")),
        ("B17", &[("reason", "threat")], Ok("threat")),
        ("B06", &[("reason", "我说\n不要")], Err("reason")),
    ];
    for (business, fields, expected) in cases {
        let found = check(catalogue, &call(), &with("W1", business, fields, false));
        match (found, expected) {
            (Ok(filled), Ok(shown)) => assert_eq!(&filled[0].masked, shown, "{business}"),
            (Err(refusal), Err(field)) => {
                assert_eq!((refusal.code, refusal.field.as_str()), ("outcome.field", *field), "{business}");
                for (_, text) in *fields {
                    assert!(text.trim().is_empty() || !refusal.text.contains(text), "{}", refusal.text);
                }
            }
            (found, expected) => panic!("{business} {fields:?}: {found:?}, not {expected:?}"),
        }
    }
    let refused = check(catalogue, &call(), &choice("W1", "B01", false)).unwrap_err();
    assert_eq!(refused.missing, ["mobile", "email"], "one of both is enough");
}

#[test]
fn what_an_agent_typed_shows_itself_in_no_debug_text() {
    let choice = with("W1", "B01", &[("mobile", "13800001234")], false);
    let filled = check(catalogue().unwrap(), &call(), &choice).unwrap();
    let shown = format!("{choice:?} {filled:?}");
    assert!(!shown.contains("13800001234") && shown.contains("138****1234"), "{shown}");
}

#[test]
fn e49_with_a_child_on_the_line_nothing_is_agreed_and_the_call_may_stand_without_a_code() {
    let catalogue = catalogue().unwrap();
    let child = CallFacts { child: true, ..call() };
    let cases = [
        (choice("W11", "", false), Ok(())),
        (choice("", "", false), Err("outcome.contact_required")),
        (with("W1", "B01", &[("mobile", "13800001234")], false), Err("outcome.child")),
        (choice("W1", "B05", true), Err("outcome.child")),
        (with("W9", "B08", &[("at", "2026-11-23T15:30")], false), Ok(())),
    ];
    for (choice, expected) in cases {
        let found = check(catalogue, &child, &choice).map(|_| ()).map_err(|refusal| refusal.code);
        assert_eq!(found, expected, "{choice:?}");
    }
    let adult = check(catalogue, &call(), &choice("W11", "", false));
    assert_eq!(adult.unwrap_err().code, "outcome.business_required", "only a child explains it");
}

#[test]
fn e44_what_was_announced_and_confirmed_stands_behind_the_cause_and_before_the_status() {
    let heard = |facts: LineFacts, class: &str| LineFacts { announced: Some(class.into()), ..facts };
    let table = CauseTable::default();
    for (facts, code, rule) in [
        // 480 says little: the notice says that the phone is off.
        (heard(line(480, None, 3_000), "switched_off"), "C05", ANNOUNCED),
        (heard(line(480, None, 30_000), "suspended"), "C06", ANNOUNCED),
        (heard(line(487, None, 9_000), "no_such_number"), "C07", ANNOUNCED),
        (heard(line(480, None, 0), "in_a_call"), "C03", ANNOUNCED),
        (heard(line(480, None, 5_000), "user_busy"), "C04", ANNOUNCED),
        (heard(line(480, None, 0), "user_busy"), "C03", ANNOUNCED),
        // The cause of the exchange is first, whatever the notice says.
        (heard(line(480, Some(17), 3_000), "switched_off"), "C03", HOUSE),
        // Our own fault is none of the party's, and a ring-back says nothing.
        (heard(line(503, None, 0), "switched_off"), "C11", HOUSE),
        (heard(line(486, None, 1_000), "ring_back"), "C03", HOUSE),
    ] {
        let judged = table.judge(&facts);
        assert_eq!((judged.code, judged.rule.as_str()), (code, rule), "{facts:?}");
    }
    let answered = LineFacts { answered: true, ..Default::default() };
    for class in ["machine", "voicemail", "assistant", "menu", "fax", "modem", "forwarded"] {
        assert_eq!(judge(&heard(answered.clone(), class)), "C10", "{class}");
    }
    assert_eq!(judge(&heard(answered.clone(), "no_such_number")), "C07", "a notice behind a 200 OK reached nobody");
    assert_eq!(judge(&heard(answered, "person")), "C01");
}

#[test]
fn e44_a_table_of_the_trunk_goes_by_the_cause_first_and_a_bare_status_yields_to_the_notice() {
    let rule = |status, q850| CauseRule { status, q850, code: "C09".into(), ..Default::default() };
    let facts = LineFacts { announced: Some("switched_off".into()), ..line(480, Some(20), 0) };
    let table = |rules| CauseTable { name: "trunk v1".into(), rules };
    assert_eq!(table(vec![rule(None, Some(20))]).judge(&facts).code, "C09");
    let bare = LineFacts { q850: None, ..facts };
    assert_eq!(table(vec![rule(Some(480), None)]).judge(&bare).code, "C05");
}

#[test]
fn e44_with_a_machine_that_was_confirmed_nothing_can_be_agreed_and_nobody_was_reached() {
    let catalogue = catalogue().unwrap();
    let machine = CallFacts { machine: true, ..call() };
    for (choice, result) in [
        (choice("W1", "B05", true), Err("outcome.machine")),
        (choice("W1", "", false), Err("outcome.machine")),
        (choice("W12", "B01", false), Err("outcome.machine")),
        (choice("W12", "", false), Ok(())),
    ] {
        let found = check(catalogue, &machine, &choice).map(|_| ()).map_err(|refusal| refusal.code);
        assert_eq!(found, result, "{choice:?}");
    }
}
