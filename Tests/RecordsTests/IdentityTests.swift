// SPDX-License-Identifier: Apache-2.0
//
// Published vectors of the hashes behind identities.

import Testing

@testable import Records

@Suite("Identities") struct IdentityTests {
    /// The first and the ninth vector of the authors' reference code, key 00 01 … 0f.
    @Test func `SipHash gives its published vectors`() {
        let start = SipHash(key0: 0x0706_0504_0302_0100, key1: 0x0F0E_0D0C_0B0A_0908)
        #expect(start.finish() == 0x726F_DB47_DD0E_0E31)
        var eight = start
        eight.absorb(0x0706_0504_0302_0100)
        #expect(eight.finish() == 0x93F5_F579_9A93_2462)
    }

    private func identifier(_ id: ConnectionID, seed: UInt16 = 0) -> String {
        var bytes: [UInt8] = []
        CommunityID.write(id: id, seed: seed, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func flow(
        _ originator: Address, _ port: UInt16, _ responder: Address, _ other: UInt16, _ transport: Transport,
        _ number: UInt8
    ) -> ConnectionID {
        ConnectionID(
            originator: originator, responder: responder, originatorPort: port, responderPort: other,
            transport: transport, protocolNumber: number)
    }

    /// Vectors of the Community ID specification.
    @Test func `a Community ID is the published one`() {
        let web = flow(Address(v4: 0x80E8_6E78), 34855, Address(v4: 0x4223_FACC), 80, .tcp, 6)
        #expect(identifier(web) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg=")
        #expect(identifier(web, seed: 1) == "1:3V71V58M3Ksw/yuFALMcW0LAHvc=")
        let dns = flow(Address(v4: 0xC0A8_0134), 54585, Address(v4: 0x0808_0808), 53, .udp, 17)
        #expect(identifier(dns) == "1:d/FP5EW3wiY1vCndhwleRRKHowQ=")
        let echo = flow(Address(v4: 0xC0A8_0059), 8, Address(v4: 0xC0A8_0001), 0, .icmp, 1)
        #expect(identifier(echo) == "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=")
        let solicitation = flow(
            Address(high: 0xFE80_0000_0000_0000, low: 0x0200_86FF_FE05_80DA), 135,
            Address(high: 0xFE80_0000_0000_0000, low: 0x0260_97FF_FE07_69EA), 136, .icmp, 58)
        #expect(identifier(solicitation) == "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=")
    }

    @Test func `a Community ID is the same from both sides`() {
        let web = flow(Address(v4: 1), 34855, Address(v4: 2), 80, .tcp, 6)
        #expect(identifier(web) == identifier(web.flipped))
        let same = flow(Address(v4: 1), 2, Address(v4: 1), 1, .udp, 17)
        #expect(identifier(same) == identifier(same.flipped))
    }

    @Test func `files of one connection have identities of their own`() {
        let connection = UID(value: 77)
        let identities: Set<UID> = [
            .make(fileOf: connection, direction: .originator, ordinal: 0),
            .make(fileOf: connection, direction: .responder, ordinal: 0),
            .make(fileOf: connection, direction: .originator, ordinal: 1),
            .make(fileOf: UID(value: 78), direction: .originator, ordinal: 0),
        ]
        #expect(identities.count == 4)
    }
}
