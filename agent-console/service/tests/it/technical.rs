//! Every final answer becomes its technical code, in the order of domain 2.4.

use songda_service::outcomes::{CallFacts, Choice, LineFacts, catalogue, check, judge};

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
    CallFacts { ended: true, answered: true, talk_ms: 20_000, recorded: true, is_attempt: true }
}

fn choice(contact: &str, business: &str, heard_all: bool) -> Choice {
    Choice { contact: contact.into(), business: business.into(), heard_all }
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
        (call(), choice("W1", "B08", true), Ok(())),
        (call(), choice("W9", "B14", false), Ok(())),
        (call(), choice("W12", "B01", false), Err("outcome.machine")),
        (call(), choice("W12", "", false), Ok(())),
        (call(), choice("W10", "", false), Ok(())),
    ];
    for (call, choice, expected) in cases {
        let found = check(catalogue, &call, &choice).map_err(|refusal| refusal.code);
        assert_eq!(found, expected, "{call:?} {choice:?}");
    }
}
