// SPDX-License-Identifier: Apache-2.0
//
// OPC UA: greetings, secure channels, services, messages in chunks, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct OPCUATests {
    static func little(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 255) } }
    static func string(_ text: String) -> [UInt8] { little(text.utf8.count) + octets(text) }
    static func chunk(_ head: String, _ body: [UInt8]) -> [UInt8] { octets(head) + little(body.count + 8) + body }

    static let none = "http://opcfoundation.org/UA/SecurityPolicy#None"
    static let limits = little(0) + little(65_536) + little(65_536) + little(0) + little(0)
    static let hello = chunk("HELF", limits + string("opc.tcp://plc:4840/"))
    static let filler = [UInt8](repeating: 5, count: 500)
    static let noCertificates = little(-1) + little(-1)

    /// Numbers, a service, and the beginning of a request's or response's header.
    static func service(_ number: Int, _ sequence: Int, isResponse: Bool, result: Int = 0) -> [UInt8] {
        let head = little(sequence) + little(sequence) + [1, 0, UInt8(number & 255), UInt8(number >> 8)]
        let time = [UInt8](repeating: 0, count: 8) + little(7)
        return isResponse ? head + time + little(result) : head + [0, 0] + time
    }

    static func open(_ channel: Int, _ number: Int, isResponse: Bool, policy: String = none) -> [UInt8] {
        chunk(
            "OPNF",
            little(channel) + string(policy) + noCertificates + service(number, 1, isResponse: isResponse))
    }

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 4840, logs: [OPCUARecord.makeSchema()]) { OPCUA() }
    }

    static let session = conversation([
        (.originator, hello), (.responder, chunk("ACKF", limits)),
        (.originator, open(0, 446, isResponse: false)), (.responder, open(9, 449, isResponse: true)),
        (.originator, chunk("MSGF", little(9) + little(1) + service(428, 2, isResponse: false))),
        (
            .responder,
            chunk("MSGF", little(9) + little(1) + service(397, 2, isResponse: true, result: 0x801F_0000))
        ),
        (.originator, chunk("MSGC", little(9) + little(1) + service(673, 3, isResponse: false))),
        (.originator, chunk("MSGF", little(9) + little(1) + little(4) + little(3) + filler)),
        (.responder, chunk("ERRF", little(0x8080_0000) + string("refused"))),
    ])

    @Test func `each message is a row, by its first chunk`() {
        let sizes = "rcv_buf_size=65536 snd_buf_size=65536 max_msg_size=0 max_chunk_cnt=0"
        #expect(
            Self.session.play().rows == [
                "is_orig=T msg_type=HEL is_final=F msg_size=51 version=0 \(sizes) endpoint_url=opc.tcp://plc:4840/",
                "is_orig=F msg_type=ACK is_final=F msg_size=28 version=0 \(sizes)",
                "is_orig=T msg_type=OPN is_final=F msg_size=97 sec_channel_id=0 sec_policy_uri=\(Self.none) "
                    + "seq_number=1 request_id=1 identifier=446 identifier_str=OpenSecureChannelRequest "
                    + "request_handle=7",
                "is_orig=F msg_type=OPN is_final=F msg_size=99 sec_channel_id=9 sec_policy_uri=\(Self.none) "
                    + "seq_number=1 request_id=1 identifier=449 identifier_str=OpenSecureChannelResponse "
                    + "request_handle=7 service_result=0x00000000",
                "is_orig=T msg_type=MSG is_final=F msg_size=42 sec_channel_id=9 seq_number=2 request_id=2 "
                    + "identifier=428 identifier_str=GetEndpointsRequest request_handle=7",
                "is_orig=F msg_type=MSG is_final=F msg_size=44 sec_channel_id=9 seq_number=2 request_id=2 "
                    + "identifier=397 identifier_str=ServiceFault request_handle=7 service_result=0x801f0000",
                "is_orig=T msg_type=MSG is_final=C msg_size=42 sec_channel_id=9 seq_number=3 request_id=3 "
                    + "identifier=673 identifier_str=WriteRequest request_handle=7",
                "is_orig=F msg_type=ERR is_final=F msg_size=23 error=0x80800000 reason=refused",
            ])
    }

    @Test func `an encrypted channel shows sizes alone`() {
        let policy = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
        let rows = Self.conversation([
            (.originator, Self.open(1, 446, isResponse: false, policy: policy)),
            (.originator, Self.chunk("MSGF", Self.little(1) + Self.little(1) + [UInt8](repeating: 0xA5, count: 64))),
        ]).play().rows
        #expect(rows[0] == "is_orig=T msg_type=OPN is_final=F msg_size=107 sec_channel_id=1 sec_policy_uri=\(policy)")
        #expect(rows[1] == "is_orig=T msg_type=MSG is_final=F msg_size=80 sec_channel_id=1")
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() {
        // Where a chunk's mark of more to come is changed, the next chunk is a message.
        Self.session.expectRobust(rowsMax: 10)
    }

    @Test(arguments: ["HELF", "OPNF", "MSGF", "XXXF", "MSGX"])
    func `impossible lengths and types end the analyzer`(_ head: String) {
        for length in [0, 7, 0x7FFF_FFFF, -1] {
            let bytes = octets(head) + Self.little(length) + [UInt8](repeating: 0, count: 40)
            let outcome = Self.conversation([(.originator, bytes)]).play()
            #expect(outcome.analyzer.isDetached)
            #expect(outcome.rows.isEmpty)
        }
        let text = Self.chunk("HELF", Self.limits + Self.little(0x7FFF_FFFF))
        #expect(Self.conversation([(.originator, text)]).play().analyzer.isDetached)
    }

    @Test func `the probe knows a greeting`() {
        #expect(OPCUAProbe.hello(Self.hello.octets) == .matches)
        for count in 0..<8 { #expect(OPCUAProbe.hello(Array(Self.hello[..<count]).octets) == .needsMore) }
        #expect(OPCUAProbe.hello(octets("HELO there").octets) == .never)
    }

    @Test func `another protocol is not confirmed`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(Self.session.playHTTP().analyzer.isDetached)
    }
}
