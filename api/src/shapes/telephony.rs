//! Trunks, numbers, causes, and changes that wait for a second person.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How messages go to the carrier.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrunkTransport {
    Udp,
    Tcp,
    Tls,
}

/// Whether sound is secured over a trunk (SDES-SRTP, RFC 4568): not at all, where the carrier knows
/// it, or always. Everything but `off` needs `tls`.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrunkSrtp {
    #[default]
    Off,
    Optional,
    Required,
}

/// Whose packets are heard as the carrier's sound: those of the described address alone, of any
/// port of it (RFC 4961), or of whoever sends first.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrunkMediaSource {
    Strict,
    #[default]
    Port,
    Any,
}

/// Whether calls go over a trunk.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrunkUse {
    Active,
    Paused,
}

/// What stands in From: the court's number, or the account of the trunk.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromHeader {
    Number,
    Account,
}

/// Which header vouches for the court's number (RFC 3325).
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityHeader {
    Asserted,
    Preferred,
    None,
}

/// The URI in that header.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityUri {
    Sip,
    Tel,
}

/// Headers that say who calls.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrunkHeaders {
    pub(crate) from: FromHeader,
    pub(crate) identity: IdentityHeader,
    pub(crate) identity_uri: IdentityUri,
    /// `Privacy: none`, for carriers that hide numbers otherwise.
    pub(crate) privacy_none: bool,
}

/// A codec.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrunkCodec {
    Pcma,
    Pcmu,
}

/// How a number is written: `029…`, `+8629…` or `8629…`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NumberStyle {
    National,
    E164,
    CountryCode,
}

/// A place outside the mainland.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlaceAbroad {
    HongKong,
    Macau,
    Taiwan,
    Foreign,
}

/// Where the court's line ends.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineHome {
    /// Area code with its 0, or empty.
    pub(crate) area: String,
    /// First seven digits of the mobiles that are at home there.
    pub(crate) mobiles: Vec<String>,
}

/// How the called number is written, and which places may be called.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalledFormat {
    pub(crate) style: NumberStyle,
    /// Dialled before everything: at most six digits.
    pub(crate) access_prefix: String,
    pub(crate) home: LineHome,
    /// 0 before mobiles of another area (外地手机加 0).
    pub(crate) zero_before_distant_mobiles: bool,
    /// Landlines of the own area without its code.
    pub(crate) own_area_without_code: bool,
    /// Places outside the mainland that may be called; none by default (E39).
    pub(crate) abroad: Vec<PlaceAbroad>,
}

/// How the court's own number is written.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallingFormat {
    pub(crate) style: NumberStyle,
    /// A landline without its area code, in the national form.
    pub(crate) without_area: bool,
}

/// How a trunk is used.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrunkProfile {
    /// `host`, `host:port` or `[v6]:port`, the first before the others; 1 to 8.
    pub(crate) hosts: Vec<String>,
    pub(crate) transport: TrunkTransport,
    /// Registers at the carrier; otherwise the peer is static.
    pub(crate) register: bool,
    /// Share of the calls, 1 to 100.
    pub(crate) weight: u32,
    /// Calls at a time; 0 is no limit.
    pub(crate) max_calls: u32,
    /// New calls per second; 0 is no limit.
    pub(crate) max_calls_per_second: u32,
    /// Calls per day; 0 is no ceiling.
    pub(crate) calls_per_day: u32,
    pub(crate) headers: TrunkHeaders,
    /// In order of preference.
    pub(crate) codecs: Vec<TrunkCodec>,
    pub(crate) called: CalledFormat,
    pub(crate) calling: CallingFormat,
    /// Session timer, seconds; 0 is none.
    pub(crate) session_expires_s: u32,
    /// Addresses and networks (`192.0.2.7`, `192.0.2.0/24`) from which its calls come beside
    /// those of `hosts`; at most 16.
    #[serde(default)]
    pub(crate) accept: Vec<String>,
    /// Left out, it is `off`.
    #[serde(default)]
    pub(crate) srtp: TrunkSrtp,
    /// Left out, it is `port`.
    #[serde(default)]
    pub(crate) media_source: TrunkMediaSource,
}

/// A trunk as it is entered.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrunkForm {
    pub(crate) name: String,
    pub(crate) state: TrunkUse,
    /// SIP domain of the account.
    pub(crate) domain: String,
    /// Digest user, or empty.
    pub(crate) username: String,
    /// A new digest password. It is taken and never shown; left out, the one on file stays.
    #[serde(default)]
    pub(crate) password: Option<String>,
    pub(crate) profile: TrunkProfile,
}

/// A trunk that is to be changed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrunkChange {
    /// The version that was looked at.
    pub(crate) version: i64,
    pub(crate) form: TrunkForm,
}

/// A trunk.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrunkView {
    pub(crate) id: String,
    /// Counts changes.
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) state: TrunkUse,
    pub(crate) domain: String,
    pub(crate) username: String,
    /// A password is on file. It is never shown.
    pub(crate) password_set: bool,
    pub(crate) profile: TrunkProfile,
    /// Leads to songda-sim only.
    pub(crate) demo: bool,
    /// Numbers of the court that may be shown over it now.
    pub(crate) numbers: Vec<String>,
    /// Calls that are up or being placed.
    pub(crate) live_calls: i64,
    /// Calls since midnight.
    pub(crate) calls_today: i64,
    /// How it stands with its carrier; none before signalling knows it.
    pub(crate) signalling: Option<TrunkSignalling>,
}

/// Trunks of the court.
#[derive(Serialize, ToSchema)]
pub(crate) struct Trunks {
    pub(crate) items: Vec<TrunkView>,
}

/// How far the carrier is with showing the court's name (号码认证).
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LabelState {
    None,
    Applied,
    Registered,
    Refused,
}

/// A number as it is entered.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberForm {
    /// 5 to 12 digits, with the area code.
    pub(crate) number: String,
    pub(crate) carrier: String,
    /// Trunks over which it may be shown, by id.
    pub(crate) trunks: Vec<String>,
    /// File that proves that it is the court's, by the id that its upload answered; left out,
    /// the one on file stays.
    #[serde(default)]
    pub(crate) proof: Option<String>,
    /// First day, `YYYY-MM-DD`, or empty.
    pub(crate) valid_from: String,
    /// Last day, or empty.
    pub(crate) valid_until: String,
    pub(crate) registration: LabelState,
    /// What phones show for it.
    pub(crate) label: String,
    /// Whether calls may go out under it.
    pub(crate) active: bool,
}

/// A number that is to be changed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberChange {
    /// The version that was looked at.
    pub(crate) version: i64,
    pub(crate) form: NumberForm,
}

/// A number of the court.
#[derive(Serialize, ToSchema)]
pub(crate) struct NumberView {
    pub(crate) id: String,
    /// Counts changes.
    pub(crate) version: i64,
    pub(crate) number: String,
    pub(crate) carrier: String,
    /// Trunks, by id.
    pub(crate) trunks: Vec<String>,
    /// Media type of the proof, when there is one.
    pub(crate) proof: Option<String>,
    pub(crate) valid_from: String,
    pub(crate) valid_until: String,
    pub(crate) registration: LabelState,
    pub(crate) label: String,
    pub(crate) active: bool,
    /// It is valid today.
    pub(crate) valid: bool,
}

/// The number register.
#[derive(Serialize, ToSchema)]
pub(crate) struct Numbers {
    pub(crate) items: Vec<NumberView>,
}

/// A proof that was uploaded.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProofUploaded {
    /// To be named in a number.
    pub(crate) id: String,
    pub(crate) media_type: String,
}

/// What a cause means. What is not named is not looked at.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CauseRuleShape {
    /// Final SIP status, 300 to 699.
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// Q.850 cause, 1 to 127.
    #[serde(default)]
    pub(crate) q850: Option<u8>,
    /// It rang at least so long, seconds.
    #[serde(default)]
    pub(crate) rang_from_s: Option<u32>,
    /// It rang less than so long, seconds.
    #[serde(default)]
    pub(crate) rang_until_s: Option<u32>,
    /// Technical code: `C02` to `C11`, `C13`.
    pub(crate) code: String,
}

/// A version of a trunk's cause table.
#[derive(Serialize, ToSchema)]
pub(crate) struct CauseVersion {
    pub(crate) version: i64,
    /// From when on it counts.
    pub(crate) valid_from: String,
    pub(crate) rules: Vec<CauseRuleShape>,
    pub(crate) changed_by_name: String,
    pub(crate) changed_at: String,
}

/// A trunk's cause tables, the newest first. Without any the house's rules count alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct CauseTables {
    pub(crate) items: Vec<CauseVersion>,
    /// Name of the house's own rules, which come after these.
    pub(crate) house: String,
}

/// A cause table that is to count.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CauseChange {
    /// The version that was looked at; 0 for none.
    pub(crate) version: i64,
    /// From when on, RFC 3339; left out, from the approval on.
    #[serde(default)]
    pub(crate) valid_from: Option<String>,
    pub(crate) rules: Vec<CauseRuleShape>,
}

/// How far a change is.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeState {
    Waiting,
    Applied,
    Refused,
    Withdrawn,
}

/// What a change is about.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    Trunk,
    Number,
    Causes,
}

/// A change of trunks, numbers or causes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeView {
    pub(crate) id: String,
    pub(crate) kind: ChangeKind,
    /// Trunk or number.
    pub(crate) object_id: String,
    /// It is something new.
    pub(crate) is_new: bool,
    /// What it would set, without secrets.
    #[schema(value_type = Object)]
    pub(crate) to: Value,
    /// A file proves the number that it is about.
    pub(crate) proof: bool,
    pub(crate) state: ChangeState,
    pub(crate) asked_by_name: String,
    pub(crate) asked_at: String,
    pub(crate) decided_by_name: Option<String>,
    pub(crate) decided_at: Option<String>,
    /// Why it was refused, or empty.
    pub(crate) reason: String,
    /// It is the asking person's own: another one must approve it.
    pub(crate) own: bool,
}

/// Changes: those that wait first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changes {
    pub(crate) items: Vec<ChangeView>,
}

/// What a second person says of a change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeDecision {
    /// It takes effect now; otherwise it is refused, or withdrawn by whoever asked.
    pub(crate) approve: bool,
    /// Why not.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Whether something was taken out of use.
#[derive(Serialize, ToSchema)]
pub(crate) struct Paused {
    /// False when it was not in use.
    pub(crate) changed: bool,
}

/// How a trunk stands with its carrier.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrunkSignalling {
    /// New calls may go over it.
    pub(crate) up: bool,
    /// `fine`, `paused`, `silent`, `registering`, `not_registered`, `refused` or `resting`.
    pub(crate) why: String,
    pub(crate) since: String,
    /// The host in use.
    pub(crate) host: String,
    pub(crate) registered_until: Option<String>,
    /// What the carrier said last to REGISTER or OPTIONS.
    pub(crate) last_status: Option<u16>,
    pub(crate) last_answer_at: Option<String>,
}

/// One message of a call. Everything in it is masked.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct LadderStep {
    /// Milliseconds since the first message.
    pub(crate) after_ms: u64,
    /// `in` or `out`.
    pub(crate) direction: String,
    /// Transport.
    pub(crate) protocol: String,
    /// Address of the other end.
    pub(crate) remote: String,
    /// Method and Request-URI, or status and reason phrase.
    pub(crate) what: String,
    pub(crate) cseq: String,
    pub(crate) reason: Option<String>,
    /// Where sound is wanted and in which formats.
    pub(crate) sdp: Option<String>,
    /// Headers that explain it.
    pub(crate) headers: Vec<Vec<String>>,
}

/// One way that a call was tried.
#[derive(Serialize, ToSchema)]
pub(crate) struct LadderWay {
    pub(crate) trunk_id: String,
    /// It came in; otherwise it went out.
    pub(crate) incoming: bool,
    /// The court's number that was shown, or that was called.
    pub(crate) caller: String,
    pub(crate) started_at: String,
    pub(crate) ended_at: Option<String>,
    /// Final SIP status.
    pub(crate) status: Option<i64>,
    /// Q.850 cause.
    pub(crate) q850: Option<i64>,
    /// What ended it, for people.
    pub(crate) cause: String,
    /// Its messages; empty where the call is too long ago.
    pub(crate) steps: Vec<LadderStep>,
}

/// One call as it was on the wire.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallLadder {
    /// In the order in which they were tried.
    pub(crate) ways: Vec<LadderWay>,
}
