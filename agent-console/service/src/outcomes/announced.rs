//! What a class that was heard on the line, and confirmed by the agent, means (domain 2.4).

/// Name of this table with its version, stored with each result that rests on it.
pub const ANNOUNCED: &str = "announced v1";

/// The technical code of a class; none where it says nothing of the party: ring-back, a tune, a
/// congested network, a person.
pub fn announced(class: &str) -> Option<&'static str> {
    Some(match class {
        "no_such_number" | "no_such_number_tone" => "C07",
        "suspended" | "expired" => "C06",
        "switched_off" => "C05",
        "in_a_call" | "busy" => "C03",
        // Who is busy after it rang took the call off (2.4, C04).
        "user_busy" => "C04",
        "unreachable" => "C08",
        "no_answer" => "C02",
        "barred" => "C09",
        "forwarded" | "voicemail" | "assistant" | "menu" | "machine" | "fax" | "modem" => "C10",
        _ => return None,
    })
}

/// What 「用户正忙」 means where nothing rang: the line is engaged.
pub(super) fn before_ringing(code: &'static str, rang_ms: i64) -> &'static str {
    if code == "C04" && rang_ms == 0 { "C03" } else { code }
}
