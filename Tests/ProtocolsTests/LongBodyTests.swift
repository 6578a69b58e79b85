// SPDX-License-Identifier: Apache-2.0
//
// A body without end: what the reader of HTTP holds and shows of it does not grow with it.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Long bodies of HTTP") struct LongBodyTests {
    private static let partBytes = 64 << 10
    private static let partCount = 1024

    @Test(arguments: ["Content-Length: 67108864", "Connection: close", "Transfer-Encoding: chunked"])
    func `64 MB in one response are shown in parts and are one row`(_ header: String) {
        let bench = Bench(HTTP(), logs: [HTTPRecord.makeSchema()], port: 80, .tcp)
        bench.context.transactions.wantsTransactions = true
        for buffer in [SignatureBuffer.fileData, .httpResponseBody] {
            bench.context.transactions.wanted.insert(buffer)
        }
        bench.send(wire("GET /x HTTP/1.1\nHost: a\n\n"), from: .originator)
        bench.send(wire("HTTP/1.1 200 OK\nContent-Type: text/plain\n\(header)\n\n"), from: .responder)
        var part = [UInt8](repeating: 0x61, count: Self.partBytes)
        if header.hasSuffix("chunked") { part = Array("10000\r\n".utf8) + part + [13, 10] }
        var most = 0
        var shown = 0
        for _ in 0..<Self.partCount {
            bench.send(part, from: .responder)
            let output = bench.context.transactions
            for one in output.exposures where one.isFile { shown += Int(one.count) }
            most = max(most, output.text.bytes.count + bench.context.output.byteCount)
            bench.context.transactions.clear()
        }
        if header.hasSuffix("chunked") { bench.send(wire("0\n\n"), from: .responder) }
        bench.finish()
        for one in bench.context.transactions.exposures where one.isFile { shown += Int(one.count) }
        #expect(bench.rows.count == 1)
        #expect(bench.rows.first?.number("response_body_len") == UInt64(Self.partBytes * Self.partCount))
        // A body is shown once for both buffers, to its end or as far as rules look into it.
        #expect(shown > Self.partBytes && shown <= Self.partBytes * Self.partCount)
        #expect(most < 2 * Self.partBytes + 16_384, "\(most)")
    }
}
