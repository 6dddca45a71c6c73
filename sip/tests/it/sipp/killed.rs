//! SIPp has a call whose run of ours was killed (R4.2a).

use songda_sip::{Finished, Trunk};

use super::Sipp;
use crate::restart::{Killed, endpoint, killed, trunk};

/// The next run is on the port of the one before: SIPp answers to where the INVITE came from.
/// Without a user nobody challenges: then the first INVITE is the likeliest to be pending.
fn restarted(scenario: &[&str], when: Killed, user: &str, how: Finished) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut sipp = runtime.block_on(async { Sipp::run(scenario) });
    let (saved, listen) = killed(trunk(sipp.port, "secret"), when);
    let trunk = Trunk { username: user.into(), ..trunk(sipp.port, "secret") };
    assert_eq!(saved.is_answered(), when == Killed::Answered);
    let finished = runtime.block_on(async { endpoint(listen).await.finish(&saved, &trunk).await });
    assert_eq!(finished, Ok(how));
    runtime.block_on(sipp.succeeded());
}

#[test]
fn r4_2a_sipp_gets_the_bye_of_a_call_whose_run_was_killed() {
    restarted(&["-sn", "uas"], Killed::Answered, "court", Finished::HungUp);
}

#[test]
fn r4_2a_sipp_challenges_the_bye_of_a_call_whose_run_was_killed() {
    restarted(&["-sf", &super::scenario("farewell.xml")], Killed::Answered, "court", Finished::HungUp);
}

#[test]
fn r4_2a_sipp_gets_the_cancel_of_a_call_that_rang_when_its_run_was_killed() {
    restarted(&["-sf", &super::scenario("ringing.xml")], Killed::Ringing, "court", Finished::Cancelled);
}

#[test]
fn r4_2a_sipp_repeats_an_answer_that_was_not_kept_and_gets_its_ack_and_bye() {
    restarted(&["-sf", &super::scenario("repeated.xml")], Killed::Unkept, "", Finished::HungUp);
}
