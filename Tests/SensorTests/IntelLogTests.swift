// SPDX-License-Identifier: Apache-2.0
//
// The log of indicators in Zeek's form: made of alerts, and only of those that tell of an indicator.

import Records
import Testing

@testable import Sensor

@Suite("intel log") struct IntelLogTests {
    private let alerts = Schemas.all[Int(LogID.alert.rawValue)]

    /// The texts of a column of all rows that the log makes of one alert.
    private func rows(_ evidence: String, source: StaticString = "indicator") -> [[String: String]] {
        var record = AlertRecord()
        record.source = source
        record.ts = Timestamp(seconds: 7)
        record.uid = UID(value: 5)
        record.id = ConnectionID(
            originator: Address(v4: 1), responder: Address(v4: 2), originatorPort: 3, responderPort: 4,
            transport: .udp, protocolNumber: 17)
        record.evidence = record.text.add(Array(evidence.utf8))
        var batch = RowBatch(alerts)
        batch.append(record, order: 9, ordinal: 8)
        var output = RecordOutput(schemas: Schemas.all)
        var log = IntelLog()
        log.take(batch, alerts, into: &output)
        let made = output.batches[Int(LogID.intel.rawValue)]
        let schema = Schemas.all[Int(LogID.intel.rawValue)]
        return (0..<made.count).map { row in
            var values: [String: String] = ["order": "\(made.order(row))"]
            for (index, column) in schema.columns.enumerated() where made.isSet(row, index) {
                switch column.kind {
                case .text, .enumeration:
                    values[column.name] = String(decoding: made.bytes[made.textRange(row, column)], as: UTF8.self)
                case .textSet:
                    var place = made.listStart(row, column)
                    values[column.name] = (0..<made.listCount(row, column)).map { _ in
                        String(decoding: made.bytes[made.listText(&place)], as: UTF8.self)
                    }.joined(separator: ",")
                case .port: values[column.name] = "\(made.word(row, column))"
                default: values[column.name] = "set"
                }
            }
            return values
        }
    }

    @Test func `an alert of an indicator is a row with Zeek's words`() {
        let rows = rows(
            #"{"indicator":"evil.example","type":"domain","where":"dns.query","feed":"abuse","known_since":1}"#)
        #expect(rows.count == 1)
        #expect(rows[0]["seen.indicator"] == "evil.example" && rows[0]["seen.indicator_type"] == "Intel::DOMAIN")
        #expect(rows[0]["seen.where"] == "DNS::IN_REQUEST" && rows[0]["matched"] == "Intel::DOMAIN")
        #expect(rows[0]["sources"] == "abuse" && rows[0]["id.orig_p"] == "3" && rows[0]["id.resp_p"] == "4")
        #expect(rows[0]["order"] == "9" && rows[0]["fuid"] == nil)
    }

    @Test func `a file is named, and what Zeek does not look at keeps Weir's words`() {
        let file = rows(
            #"{"indicator":"ab","type":"file","where":"files.sha1","feed":"f","fuid":"F00000000001","#
                + #""mime_type":"text/plain","filename":"a.txt"}"#)
        #expect(file.first?["fuid"] == "set" && file.first?["file_mime_type"] == "text/plain")
        #expect(file.first?["file_desc"] == "a.txt" && file.first?["seen.where"] == "Files::IN_HASH")
        let other = rows(#"{"indicator":"ab","type":"ja3","where":"ssl.ja3","feed":"f"}"#)
        #expect(other.first?["seen.where"] == "ssl.ja3" && other.first?["matched"] == "ja3")
        #expect(other.first?["seen.indicator_type"] == nil)
    }

    @Test func `other alerts, and evidence that names none, make no row`() {
        #expect(rows(#"{"indicator":"a","type":"domain"}"#, source: "sigma").isEmpty)
        #expect(rows(#"{"rows":7}"#).isEmpty && rows("no JSON").isEmpty && rows("").isEmpty)
    }
}
