//! What the engine, the gateways and the guest say to each other, and the hosts and rules in it. Each input is one frame,
//! so that it reaches a reader.
#![no_main]

use std::fmt::Debug;

use sandbox_protocol::egress::{FromGateway, ToGateway};
use sandbox_protocol::policy::{Authority, HostPattern};
use sandbox_protocol::{Decoder, FrameError, MAX_FRAME, ToEngine, ToGuest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let frame = [&length[..], bytes].concat();
    same(&frame, ToGateway::decode, ToGateway::encode);
    same(&frame, FromGateway::decode, FromGateway::encode);
    same(&frame, ToGuest::decode, ToGuest::encode);
    same(&frame, ToEngine::decode, ToEngine::encode);
    if let Ok(site) = Authority::parse(bytes) {
        assert_eq!(Authority::parse(site.to_string().as_bytes()), Ok(site));
    }
    let rule = std::str::from_utf8(bytes).map(str::parse::<HostPattern>);
    if let Ok(Ok(rule)) = rule {
        assert_eq!(rule.to_string().parse(), Ok(rule));
    }
});

/// What reads is written as something that reads as the same.
fn same<M: Debug + PartialEq>(
    frame: &[u8],
    decode: fn(&mut Decoder) -> Result<Option<M>, FrameError>,
    encode: fn(&M, &mut Vec<u8>),
) {
    let read = |bytes: &[u8]| {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        decode(&mut decoder)
    };
    let Ok(Some(message)) = read(frame) else {
        return;
    };
    let mut written = Vec::new();
    encode(&message, &mut written);
    // What was left out is written too, and a longer one is cut.
    if written.len() < MAX_FRAME {
        assert_eq!(read(&written), Ok(Some(message)));
    }
}
