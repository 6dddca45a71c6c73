//! What a check says, in Chinese and in English. Numbers only as masks.

use songda_calls::numbering::Refusal;
use songda_sip::{Number, Protocol};

/// The language of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The language that was asked for, else that of the environment's `LC_ALL` or `LANG`.
    pub(super) fn choose(asked: Option<&str>, environment: impl Fn(&str) -> Option<String>) -> Self {
        let from = |name: &str| environment(name).filter(|value| !value.is_empty());
        let word = asked.map(str::to_owned).or_else(|| from("LC_ALL")).or_else(|| from("LANG"));
        if word.is_some_and(|word| word.to_ascii_lowercase().starts_with("zh")) { Self::Zh } else { Self::En }
    }

    pub(super) fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The trunk, and whether it registers.
    Trunk { name: String, register: bool, paused: bool },
    /// No trunk of this name.
    NoTrunk { courts: usize },
    /// What the trunk holds cannot be opened.
    Sealed(String),
    /// The port that the check speaks from, and the server's.
    Port { own: String, server: String },
    /// What the system, the vault or the sound said.
    Error(String),
    /// A host and its addresses.
    Resolved(String),
    /// A host that cannot be found.
    Unresolved(String),
    /// Registered for so many seconds.
    Registered(u64),
    /// The final answer.
    Status(u16),
    /// Nothing came back.
    Silent,
    /// OPTIONS was answered.
    Alive,
    /// The court's number, and how it goes out.
    Caller(Number),
    /// No number may be shown over this trunk.
    NoCaller,
    /// The number that is called.
    Callee(Number),
    /// It is not called.
    Refused(Refusal),
    /// Demo mode.
    DemoOnly,
    /// The trunk has reached its limit.
    Ceiling,
    /// Where the recording goes.
    Recording(String),
    /// Answered after so many milliseconds.
    Answered { ms: u128, rang: bool },
    /// A call's end before the answer: status and cause of Q.850.
    NotAnswered { status: Option<u16>, q850: Option<u8> },
    /// Nobody answered in time.
    RingLimit,
    /// Sound is secured by this suite.
    Secured(&'static str),
    /// The carrier has no key of its own.
    NoKey { required: bool },
    /// The session description.
    Codec(String),
    /// Packets, lost ones, jitter in tenths of a millisecond, seconds of recording.
    Sound { received: u64, lost: u64, jitter: u64, seconds: u64 },
    /// No packet came.
    NoPackets,
    /// Packets with nothing in them.
    Mute(u64),
    /// The call ended before the notice was over.
    CutShort,
    /// The recording broke.
    RecordingFailed,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// BYE was answered.
    HungUp { by_us: bool },
    /// The registration is given back.
    GivenBack,
    /// Say something.
    Speak,
    /// The last line.
    AllPassed,
    /// The last line.
    SomeFailed,
}

impl Said {
    pub(super) fn text(&self, lang: Lang) -> String {
        let pick = |zh: String, en: String| lang.pick(zh, en);
        match self {
            Self::Trunk { name, register, paused } => {
                let zh = format!(
                    "{name}，{}{}",
                    if *register { "需注册" } else { "静态对接，不注册" },
                    if *paused { "，目前停用" } else { "" }
                );
                let en = format!(
                    "{name}, {}{}",
                    if *register { "registers" } else { "static peer, no registration" },
                    if *paused { ", paused at present" } else { "" }
                );
                pick(zh, en)
            }
            Self::NoTrunk { courts: 0 } => pick("库中还没有法院".into(), "there is no court yet".into()),
            Self::NoTrunk { courts } => pick(
                format!("{courts} 个法院中没有恰好一条叫这个名字的线路"),
                format!("not exactly one trunk has this name in {courts} court(s)"),
            ),
            Self::Sealed(why) => {
                pick(format!("线路的口令打不开：{why}"), format!("its password cannot be opened: {why}"))
            }
            Self::Port { own, server } => pick(
                format!("检查用自己的端口 {own}，不占用服务的 {server}"),
                format!("the check speaks from {own}, a port of its own, not from the server's {server}"),
            ),
            Self::Error(why) => why.clone(),
            Self::Resolved(what) => what.clone(),
            Self::Unresolved(host) => pick(format!("找不到 {host}"), format!("{host} cannot be found")),
            Self::Registered(seconds) => {
                pick(format!("已注册，运营商给 {seconds} 秒"), format!("registered, granted for {seconds} s"))
            }
            Self::Status(status) => pick(format!("运营商答复 {status}"), format!("the carrier answered {status}")),
            Self::Silent => pick("运营商没有任何答复".into(), "nothing came back".into()),
            Self::Alive => pick("运营商有答复".into(), "the carrier answered".into()),
            Self::Caller(number) => {
                pick(format!("显示本院号码 {number}"), format!("shows the court's number {number}"))
            }
            Self::NoCaller => pick(
                "没有可在这条线路上显示的本院号码".into(),
                "no number of the court may be shown over this trunk".into(),
            ),
            Self::Callee(number) => {
                pick(format!("按线路格式拨 {number}"), format!("dials {number} in the form of the trunk"))
            }
            Self::Refused(refusal) => pick(refused(*refusal).into(), refusal.to_string()),
            Self::DemoOnly => pick("演示模式只拨演示号码".into(), "demo mode dials invented numbers only".into()),
            Self::Ceiling => pick("线路已到限额".into(), "the trunk has reached its limit of calls".into()),
            Self::Recording(path) => pick(format!("录入 {path}"), format!("goes into {path}")),
            Self::Answered { ms, rang } => pick(
                format!("{}.{} 秒后接听{}", ms / 1000, ms % 1000 / 100, if *rang { "，有振铃" } else { "" }),
                format!("answered after {}.{} s{}", ms / 1000, ms % 1000 / 100, if *rang { ", it rang" } else { "" }),
            ),
            Self::NotAnswered { status, q850 } => {
                let cause = q850.map(|q850| format!(" (Q.850 {q850})")).unwrap_or_default();
                match status {
                    Some(status) => {
                        pick(format!("运营商答复 {status}{cause}"), format!("the carrier answered {status}{cause}"))
                    }
                    None => pick("运营商没有任何答复".into(), "nothing came back".into()),
                }
            }
            Self::RingLimit => pick("振铃到时无人接听".into(), "nobody answered within the ring limit".into()),
            Self::Secured(suite) => {
                pick(format!("运营商给了密钥，{suite}"), format!("the carrier answered with a key, {suite}"))
            }
            Self::NoKey { required: true } => pick(
                "运营商没有给密钥，而线路要求语音加密".into(),
                "the carrier answered without a key, and the trunk requires one".into(),
            ),
            Self::NoKey { required: false } => pick(
                "运营商没有给密钥：语音按明文传送".into(),
                "the carrier answered without a key: sound goes in the clear".into(),
            ),
            Self::Codec(why) => {
                pick(format!("对方的媒体描述不能用：{why}"), format!("the carrier's sound cannot be used: {why}"))
            }
            Self::Sound { received, lost, jitter, seconds } => pick(
                format!(
                    "双向有声，收到 {received} 个包，丢 {lost}，抖动 {}.{} 毫秒，录音 {seconds} 秒",
                    jitter / 10,
                    jitter % 10
                ),
                format!(
                    "sound both ways, {received} packets received, {lost} lost, jitter {}.{} ms, {seconds} s recorded",
                    jitter / 10,
                    jitter % 10
                ),
            ),
            Self::NoPackets => pick("没有收到声音".into(), "no sound came back".into()),
            Self::Mute(received) => pick(
                format!("收到 {received} 个包，里面只有静音"),
                format!("{received} packets came, with nothing but silence in them"),
            ),
            Self::CutShort => {
                pick("录音告知没有放完通话就断了".into(), "the call ended before the notice was over".into())
            }
            Self::RecordingFailed => {
                pick("录音写不下去，通话已挂断".into(), "the recording broke, the call was ended".into())
            }
            Self::Interrupted => pick("被人中断".into(), "somebody stopped it".into()),
            Self::HungUp { by_us: true } => {
                pick("我方挂机，运营商已确认".into(), "we hung up, the carrier confirmed it".into())
            }
            Self::HungUp { by_us: false } => pick("对方先挂机".into(), "the other end hung up".into()),
            Self::GivenBack => pick("注册已交还".into(), "the registration is given back".into()),
            Self::Speak => pick(
                "接起来，听告知和音乐，并说几句话".into(),
                "take the call, hear notice and music, and say something".into(),
            ),
            Self::AllPassed => pick("每一步都通过".into(), "every step passed".into()),
            Self::SomeFailed => pick("有步骤未通过".into(), "not every step passed".into()),
        }
    }
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Emergency => "紧急号码任何情况下都不拨",
        Refusal::Service => "机关和运营商的短号码不拨",
        Refusal::Premium => "高额收费号码任何情况下都不拨",
        Refusal::Abroad(_) => "这条线路没有开通该地区",
        _ => "不是能拨的号码",
    }
}

/// What to do when a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// Name of the trunk.
    Name,
    /// Key file.
    KeyFile,
    /// Addresses in the configuration.
    Address,
    /// Host name.
    Host,
    /// Password and user.
    Password,
    /// 403 and 404 to REGISTER.
    Account,
    /// Nothing came back.
    Silence,
    /// The same over TLS.
    SilenceTls,
    /// 5xx.
    Later,
    /// Any other status.
    AskCarrier,
    /// Number, proof, validity.
    Register,
    /// Give another number.
    OtherNumber,
    /// A number without extension.
    NoExtension,
    /// Raise the limit.
    Limit,
    /// Another file.
    File,
    /// Prompts.
    Prompts,
    /// 403 to INVITE.
    CallerForm,
    /// 404, 484.
    CalledForm,
    /// 486, 603, no answer.
    TakeCall,
    /// 488.
    Codec,
    /// 488 where sound must be secured, and an answer without a key.
    Keys,
    /// No sound.
    Sound,
    /// Silence in the packets.
    Speak,
    /// Stay on the line.
    Stay,
    /// The disk.
    Disk,
    /// Start again.
    Again,
    /// BYE unanswered.
    Bye,
    /// The registration is still there.
    Lapses,
}

impl Advice {
    /// When nothing came back over this transport.
    pub(super) fn silence(protocol: Protocol) -> Self {
        if protocol == Protocol::Tls { Self::SilenceTls } else { Self::Silence }
    }

    /// For what the carrier answered to REGISTER.
    pub(super) fn for_register(status: u16) -> Self {
        match status {
            408 => Self::Silence,
            401 | 407 => Self::Password,
            403 | 404 => Self::Account,
            500..=599 => Self::Later,
            _ => Self::AskCarrier,
        }
    }

    /// For what the carrier answered to INVITE; none: nothing.
    pub(super) fn for_invite(status: Option<u16>) -> Self {
        match status {
            None => Self::Silence,
            Some(401 | 407) => Self::Password,
            Some(403) => Self::CallerForm,
            Some(404 | 410 | 484 | 485 | 604) => Self::CalledForm,
            Some(415 | 488 | 606) => Self::Codec,
            Some(408 | 480 | 486 | 487 | 600 | 603) => Self::TakeCall,
            Some(500..=599) => Self::Later,
            Some(_) => Self::AskCarrier,
        }
    }

    pub(super) fn text(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::Name => (
                "在管理页「线路」核对名称；几个法院有同名线路时加 --court 法院代字",
                "look up its name on the page 线路; where several courts have one of this name add --court CODE",
            ),
            Self::KeyFile => ("把对的密钥文件放回去", "put the right key file back"),
            Self::Address => (
                "改 telephony.sip_listen、trunk_bind、sip_advertise、trunk_advertise：要填运营商看得到的地址",
                "set telephony.sip_listen, trunk_bind, sip_advertise, trunk_advertise to an address that the carrier sees",
            ),
            Self::Host => (
                "核对线路的主机名和本机的域名服务器，或改填地址",
                "check the trunk's host name and this machine's name server, or enter the address instead",
            ),
            Self::Password => (
                "核对线路的用户名和口令（有的运营商鉴权另用用户名）；改好前不要反复试，以免账号被锁",
                "correct user and password of the trunk (some carriers want another user for digest); \
                 do not try again and again, or the account is locked",
            ),
            Self::Account => (
                "口令可能不对，或账号、域名不是运营商给的；与运营商的开通单核对，或问它是否要求固定地址",
                "the password may be wrong, or account or domain are not those of the carrier's sheet; \
                 ask whether it expects a fixed address",
            ),
            Self::Silence => (
                "核对主机、端口、传输方式和防火墙，关掉路由器的 SIP ALG；运营商若按地址和端口认人，请用服务的端口开通后再试",
                "check host, port, transport and firewall, and switch any SIP ALG off; \
                 a carrier that knows us by address and port does not know the port of this check",
            ),
            Self::SilenceTls => (
                "核对主机、端口和防火墙；再核对证书：签发者须在 telephony.carrier_tls.roots 中（或为系统信任），\
                 证书须写有线路的域名，双向认证时须配好我方证书",
                "check host, port and firewall; then the carrier's certificate: whoever signed it must stand in \
                 telephony.carrier_tls.roots (or be trusted by the system), it must name the domain of the trunk, \
                 and a carrier that asks for ours must find it in telephony.carrier_tls",
            ),
            Self::Later => (
                "运营商那边有故障：过几分钟再试，仍不行就把时间和状态码报给它",
                "the carrier has a fault: try again in some minutes, then tell it the time and the status",
            ),
            Self::AskCarrier => ("把时间和状态码报给运营商", "tell the carrier the time and the status"),
            Self::Register => (
                "在「线路」登记号码并上传权属证明，在有效期内启用，并指定给这条线路",
                "enter the number with its proof, valid today and active, and name this trunk for it",
            ),
            Self::OtherNumber => ("换一个自己的电话号码", "give a telephone number of your own"),
            Self::NoExtension => ("给一个不带分机的号码", "give a number without extension"),
            Self::Limit => ("等一等，或调高线路的限额", "wait, or raise the limit of the trunk"),
            Self::File => (
                "用 --record 指定一个还不存在、可写的文件：没有录音就不拨号",
                "name a file by --record that does not exist yet and can be written: no call without recording",
            ),
            Self::Prompts => ("补齐 telephony.prompts 里的提示音", "complete the prompts in telephony.prompts"),
            Self::CallerForm => (
                "运营商不认主叫号码：核对号码归属、主叫格式和 From 的写法；不注册的线路还要核对口令",
                "the carrier does not take our number: check whose it is, its form and what stands in From, \
                 and the password of a trunk that does not register",
            ),
            Self::CalledForm => (
                "核对被叫号码的写法（+86、0、出局码），改线路的“被叫”格式",
                "check how the called number is written (+86, 0, access prefix) and change the trunk's format",
            ),
            Self::TakeCall => (
                "接听您的电话再试；如果电话根本没响，把时间和状态码报给运营商",
                "take the call next time; if your telephone never rang, tell the carrier the time and the status",
            ),
            Self::Codec => (
                "运营商要的编码不是 G.711：请它开 PCMA，并核对线路的编码顺序",
                "the carrier wants no G.711: ask it for PCMA, and check the codecs of the trunk",
            ),
            Self::Keys => (
                "请运营商开通 SDES-SRTP（RTP/SAVP，AES_CM_128_HMAC_SHA1_80），或把线路的语音加密改为“可选”",
                "ask the carrier for SDES-SRTP (RTP/SAVP, AES_CM_128_HMAC_SHA1_80), or set the trunk's encryption to optional",
            ),
            Self::Sound => (
                "声音过不来：核对 telephony.trunk_advertise、trunk_ports 和防火墙的 UDP 端口，以及运营商的媒体地址",
                "sound does not pass: check telephony.trunk_advertise, trunk_ports, the firewall's UDP ports, \
                 and from which address the carrier sends",
            ),
            Self::Speak => (
                "通话中要说话；说了仍是静音，就报给运营商",
                "speak during the call; if you did, tell the carrier that it sends silence",
            ),
            Self::Stay => ("听到音乐再挂，或等我方挂机", "stay until the music, or until we hang up"),
            Self::Disk => ("检查磁盘，然后再试", "look at the disk, then try again"),
            Self::Again => ("再运行一次", "run it again"),
            Self::Bye => (
                "运营商没有确认挂机，可能仍在计时：查防火墙和 NAT 超时，并问运营商",
                "the carrier did not confirm the end and may go on counting: check firewall and NAT, ask the carrier",
            ),
            Self::Lapses => (
                "它到期自行失效；在此之前来电可能到这个端口",
                "it lapses by itself; until then calls may come to this port",
            ),
        };
        lang.pick(zh, en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_asked_for_or_that_of_the_environment() {
        let set = |value: &'static str| move |name: &str| (name == "LANG").then(|| value.to_owned());
        assert_eq!(Lang::choose(Some("zh"), set("en_US.UTF-8")), Lang::Zh);
        assert_eq!(Lang::choose(Some("en"), set("zh_CN.UTF-8")), Lang::En);
        assert_eq!(Lang::choose(None, set("zh_CN.UTF-8")), Lang::Zh);
        assert_eq!(Lang::choose(None, set("C")), Lang::En);
        assert_eq!(Lang::choose(None, |_| None), Lang::En);
    }

    #[test]
    fn what_a_carrier_refuses_is_told_apart() {
        let cases = [
            (None, Advice::Silence),
            (Some(401), Advice::Password),
            (Some(407), Advice::Password),
            (Some(403), Advice::CallerForm),
            (Some(404), Advice::CalledForm),
            (Some(484), Advice::CalledForm),
            (Some(488), Advice::Codec),
            (Some(486), Advice::TakeCall),
            (Some(503), Advice::Later),
            (Some(402), Advice::AskCarrier),
        ];
        for (status, advice) in cases {
            assert_eq!(Advice::for_invite(status), advice, "{status:?}");
        }
        assert_eq!(Advice::for_register(401), Advice::Password);
        assert_eq!(Advice::for_register(403), Advice::Account);
        assert_eq!(Advice::silence(Protocol::Tcp), Advice::Silence);
        assert_eq!(Advice::silence(Protocol::Tls), Advice::SilenceTls);
    }

    #[test]
    fn numbers_are_masked_in_both_languages() {
        let number = Number::new("13812345678");
        for lang in [Lang::Zh, Lang::En] {
            for said in [Said::Caller(number.clone()), Said::Callee(number.clone())] {
                let text = said.text(lang);
                assert!(text.contains("138****5678") && !text.contains("1234"), "{text}");
            }
        }
    }
}
