// SPDX-License-Identifier: Apache-2.0
//
// What analyzers show to the signatures: names, bits, bounds.

import Testing

@testable import Records

@Suite("Transaction output") struct TransactionOutputTests {
    private let octets: [UInt8] = Array("/index.html".utf8)

    @Test func `every buffer has its own name and is found by it`() {
        for buffer in SignatureBuffer.allCases {
            #expect(SignatureBuffer(name: buffer.name.description) == buffer)
        }
        #expect(SignatureBuffer(name: "http.urn") == nil)
    }

    @Test func `a set holds the buffers that were put in, and no other`() {
        for buffer in SignatureBuffer.allCases {
            var set = SignatureBufferSet()
            #expect(set.isEmpty)
            set.insert(buffer)
            #expect(SignatureBuffer.allCases.filter { set.contains($0) } == [buffer])
        }
    }

    @Test func `without rules transactions are numbered and nothing is kept`() {
        var output = TransactionOutput()
        #expect(output.begin(.http) == 0)
        #expect(output.begin(.http) == 1)
        output.event("http.request_line_incomplete", transaction: 1, from: .originator)
        output.done(transaction: 1, from: .originator)
        #expect(output.isEmpty)
    }

    @Test func `an exposure keeps its octets until the output is cleared`() {
        var output = TransactionOutput()
        output.wantsTransactions = true
        let transaction = output.begin(.http)
        unsafe output.expose(
            .httpURI, octets.span.bytes, .octets, transaction: transaction, instance: 0, from: .originator)
        output.expose(.httpStatusCode, number: 404, transaction: transaction, from: .responder)
        #expect(output.exposures.map(\.kind) == [.begin, .octets, .number])
        let shown = output.exposures[1]
        let place = Int(shown.offset)
        #expect(Array(output.text.bytes[place ..< place + Int(shown.count)]) == octets)
        output.clear()
        #expect(output.isEmpty && output.text.bytes.isEmpty)
    }

    @Test func `what exceeds the arena is dropped and counted`() {
        var output = TransactionOutput()
        let many = [UInt8](repeating: 0x41, count: TransactionOutput.bytesMax / 2 + 1)
        for _ in 0..<3 {
            unsafe output.expose(.fileData, many.span.bytes, .part, transaction: 0, instance: 7, from: .responder)
        }
        #expect(output.exposures.count == 1)
        #expect(output.dropped == 2)
        for _ in 0..<TransactionOutput.exposuresMax {
            output.expose(.dnsOpcode, number: 0, transaction: 0, from: .originator)
        }
        #expect(output.exposures.count == TransactionOutput.exposuresMax)
        #expect(output.dropped == 3)
    }
}
