//! Methods (RFC 3261, 7.1).

use std::fmt;

/// A method. Those of the RFCs are constants; any other token is carried along.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Method(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Known(Known),
    Other(Box<str>),
}

macro_rules! known {
    ($($(#[$doc:meta])* $constant:ident $variant:ident $word:literal),* $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        enum Known {
            $($variant),*
        }

        impl Method {
            $($(#[$doc])* pub const $constant: Self = Self(Kind::Known(Known::$variant));)*

            /// Reads a method; it is case-sensitive (RFC 3261, 7.1).
            pub fn parse(token: &str) -> Self {
                match token {
                    $($word => Self::$constant,)*
                    _ => Self(Kind::Other(token.into())),
                }
            }

            /// As it stands on the wire.
            pub fn as_str(&self) -> &str {
                match &self.0 {
                    $(Kind::Known(Known::$variant) => $word,)*
                    Kind::Other(token) => token,
                }
            }
        }
    };
}

known! {
    /// INVITE (RFC 3261).
    INVITE Invite "INVITE",
    /// ACK (RFC 3261).
    ACK Ack "ACK",
    /// BYE (RFC 3261).
    BYE Bye "BYE",
    /// CANCEL (RFC 3261).
    CANCEL Cancel "CANCEL",
    /// OPTIONS (RFC 3261).
    OPTIONS Options "OPTIONS",
    /// REGISTER (RFC 3261).
    REGISTER Register "REGISTER",
    /// PRACK (RFC 3262).
    PRACK Prack "PRACK",
    /// UPDATE (RFC 3311).
    UPDATE Update "UPDATE",
    /// INFO (RFC 6086).
    INFO Info "INFO",
    /// REFER (RFC 3515).
    REFER Refer "REFER",
    /// NOTIFY (RFC 6665).
    NOTIFY Notify "NOTIFY",
    /// SUBSCRIBE (RFC 6665).
    SUBSCRIBE Subscribe "SUBSCRIBE",
    /// MESSAGE (RFC 3428).
    MESSAGE Message "MESSAGE",
    /// PUBLISH (RFC 3903).
    PUBLISH Publish "PUBLISH",
}

impl Method {
    /// Whether it is one of the constants; any other is answered 501 (RFC 3261, 8.2.1).
    pub fn is_known(&self) -> bool {
        matches!(self.0, Kind::Known(_))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
