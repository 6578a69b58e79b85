// SPDX-License-Identifier: Apache-2.0
//
// A body without end: what the engine holds of it does not grow with it, and what stands at its end is found.

import Records
import Testing
import Wire

@testable import Signatures

@Suite("Long bodies") struct LongBodyTests {
    private static let partBytes = 64 << 10
    private static let partCount = 1024

    @Test func `of 64 MB in one response the engine holds windows`() throws {
        var talk = try Conversation(
            "alert http any any -> any any (file.data; content:\"the needle\"; sid:1;)",
            "alert http any any -> any any (http.response_body; content:\"the needle\"; sid:2;)")
        talk.open()
        let hay = [UInt8](repeating: 0x61, count: Self.partBytes)
        let needle = Array("the needle".utf8)
        var most = 0
        var early: [UInt32] = []
        for part in 0..<Self.partCount {
            let isLast = part == Self.partCount - 1
            let octets = isLast ? hay.dropLast(needle.count) + needle : hay
            var output = TransactionOutput()
            output.wanted = talk.engine.wanted
            output.wantsTransactions = true
            if part == 0 { _ = output.begin(.http) }
            for buffer in [SignatureBuffer.fileData, .httpResponseBody] {
                output.expose(
                    buffer, octets.octets, isLast ? .lastPart : .part, transaction: 0, instance: 0, from: .responder)
            }
            if isLast { output.done(transaction: 0, from: .responder) }
            talk.show(output)
            let held = talk.engine.flows.with(0) { flow in
                #expect(flow.transactions.count <= 1)
                return flow.transactions.reduce(flow.toClient.window.count + flow.toServer.window.count) {
                    $1.bodies.reduce($0 + $1.text.count) { $0 + $1.window.count }
                }
            }
            most = max(most, try #require(held))
            talk.send("a", fromServer: true)
            talk.send()
            talk.send("b", fromServer: true)
            if !isLast { early += talk.fired() }
        }
        talk.end()
        #expect(early.isEmpty && Set(talk.fired()) == [1, 2])
        // Of each buffer the part that came last, and as much as a window keeps of what was before.
        #expect(most > Self.partBytes && most < 2 * (Self.partBytes + 2 * (40 << 10)) + 8192, "\(most)")
    }
}
