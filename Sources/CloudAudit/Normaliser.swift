// SPDX-License-Identifier: Apache-2.0
//
// A provider's record becomes a row of cloud_audit.
//
// Reads   an opened record.
// Writes  `CloudAuditRecord`, and the key under which the record is kept once.
// Leaves  CloudTrail's own fields (Normaliser+CloudTrail.swift), the others' tables (CloudMapping.swift).

import Crypto
import JSON
import Records

/// Why a record that was recognised cannot be a row.
struct RecordRefusal: Error, Equatable {
    var reason: String
}

/// The 128 bits under which a record is known: a SHA-256, cut, over provider and identity.
struct CloudKey: Hashable, Sendable {
    var high: UInt64
    var low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(_ octets: [UInt8]) {
        var words: (UInt64, UInt64) = (0, 0)
        for (index, octet) in SHA256.hash(data: octets).prefix(16).enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(octet) } else { words.1 = words.1 << 8 | UInt64(octet) }
        }
        (high, low) = words
    }
}

/// Fills one record after the other; keeps memory.
struct Normaliser {
    var record = CloudAuditRecord()
    /// Under which the record is kept once.
    private(set) var key = CloudKey([])
    private var identity: [UInt8] = []

    init() {}

    /// Normalises a record; `now` stands in where it says no time. Throws why it cannot be a row.
    mutating func normalise(_ opened: OpenedRecord, now: Timestamp) throws(RecordRefusal) {
        record.clear()
        record.provider = opened.shape.provider
        record.shape = opened.shape.label
        record.ts = now
        identity.removeAll(keepingCapacity: true)
        identity.append(contentsOf: "\(opened.shape.provider)".utf8)
        identity.append(0)
        let head = identity.count
        if opened.shape == .cloudTrail {
            try cloudTrail(opened.object)
        } else {
            try others(opened)
        }
        if identity.count == head {
            // No identity of its own: its octets are.
            identity.append(contentsOf: opened.object.raw)
        }
        key = CloudKey(identity)
        if record.identity.isAbsent {
            // So that every row can be named; what the provider gives goes first.
            record.identity = copy("sha256:" + String(key.high, radix: 16) + String(key.low, radix: 16))
        }
        record.raw = copy(opened.object.raw)
        if !record.operation.isAbsent { record.activity = CloudVerb.activity(record.text[record.operation]) }
        if record.isReadOnly == true, record.activity.description == "other" { record.activity = "read" }
    }

    // MARK: what the shapes share

    mutating func copy(_ octets: ArraySlice<UInt8>) -> Text {
        let start = record.text.begin()
        record.text.bytes.append(contentsOf: octets)
        return record.text.end(start)
    }

    mutating func copy(_ text: String) -> Text {
        let start = record.text.begin()
        record.text.bytes.append(contentsOf: text.utf8)
        return record.text.end(start)
    }

    /// A scalar as text, an object or an array as its JSON; nothing for null and an empty text.
    mutating func take(_ value: JSONValue?) -> Text {
        guard let value, !value.isNull else { return .absent }
        let start = record.text.begin()
        value.appendText(to: &record.text.bytes)
        let text = record.text.end(start)
        return text.count == 0 ? .absent : text
    }

    /// A text that the record itself carries, but for its length no longer than it.
    mutating func time(_ value: JSONValue?, _ name: String) throws(RecordRefusal) -> Timestamp? {
        guard let value, !value.isNull else { return nil }
        let time =
            value.isScalar ? Timestamp(cloud: value.document.octets[value.contentRange]) : nil
        guard let time else { throw RecordRefusal(reason: "\(name) is no time: \(Normaliser.short(value))") }
        return time
    }

    /// The beginning of a value, for a sentence.
    static func short(_ value: JSONValue) -> String {
        String(decoding: value.raw.prefix(40), as: UTF8.self)
    }

    mutating func identify(_ parts: JSONValue?...) {
        for part in parts {
            part?.appendText(to: &identity)
            identity.append(0)
        }
    }

    /// Identity out of several texts, where the provider gives none.
    mutating func identify(derived parts: [String]) {
        for part in parts {
            identity.append(contentsOf: part.utf8)
            identity.append(0)
        }
    }

    /// Splits an address from a name; a port behind the address goes.
    mutating func source(_ value: JSONValue?) {
        guard let text = value?.text, !text.isEmpty else { return }
        if let address = Address(text) ?? Normaliser.withoutPort(text) {
            record.sourceAddress = address
        } else {
            record.sourceDomain = copy(text)
        }
    }

    /// `192.0.2.1:443` and `[2001:db8::1]:443`.
    private static func withoutPort(_ text: String) -> Address? {
        guard let colon = text.lastIndex(of: ":"), text[text.index(after: colon)...].allSatisfy(\.isNumber) else {
            return text.hasPrefix("[") && text.hasSuffix("]") ? Address(String(text.dropFirst().dropLast())) : nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return Address(String(host))
    }

    mutating func addResource(_ name: JSONValue?, _ type: JSONValue?) {
        guard record.resources.count < Normaliser.resourcesMax else { return }
        let name = take(name)
        guard !name.isAbsent else { return }
        record.resources.append(name)
        let type = take(type)
        record.resourceTypes.append(type.isAbsent ? Text(offset: 0, count: 0) : type)
    }

    mutating func addResource(_ name: String, type: String) {
        guard record.resources.count < Normaliser.resourcesMax else { return }
        record.resources.append(copy(name))
        record.resourceTypes.append(copy(type))
    }

    /// Resources of one row; records of thousands are bulk calls, and the raw record has them all.
    private static let resourcesMax = 32
}
