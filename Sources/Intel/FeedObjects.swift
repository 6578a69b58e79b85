// SPDX-License-Identifier: Apache-2.0
//
// Feeds in JSON: bundles of STIX 2.1 and events of MISP.
//
// Reads   one document, or one object after the other (JSON lines).
// Writes  indicators into a `FeedReader`.
// Leaves  patterns (STIXPattern.swift); manifests of MISP's feeds, which hold no indicators.

import JSON
import Records

struct FeedObjects {
    private let octets: [UInt8]
    private let path: String
    private var form: FeedForm
    /// Number of the indicator or attribute, from 1.
    private var number = 0

    /// One document; a bundle of a million indicators has some 600 MB and comes in parts from every server.
    private static let limits = JSONLimits(depthMax: 64, bytesMax: 512 << 20, nodesMax: 32 << 20)

    init(_ octets: [UInt8], path: String, form: FeedForm) {
        (self.octets, self.path, self.form) = (octets, path, form)
    }

    mutating func read(into feed: inout FeedReader) throws(IntelError) {
        let document = JSONDocument(limits: FeedObjects.limits)
        var place = octets.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while place < octets.count, octets[place] <= 0x20 { place += 1 }
        while place < octets.count {
            do { place = try document.readPrefix(octets, place..<octets.count) } catch {
                throw IntelError(
                    error.reason == .truncated ? .cut : .notAFeed, "the JSON \(error)", path: path,
                    advice: error.reason == .truncated
                        ? "it was not downloaded to its end: do it again" : "download it again")
            }
            take(document.root, &feed)
            while place < octets.count, octets[place] <= 0x20 { place += 1 }
        }
        guard form != .auto else {
            throw IntelError(
                .notAFeed, "the JSON is neither a bundle of STIX nor an event of MISP", path: path,
                advice: "give its form with --type, or make a table of it")
        }
        feed.choose(form)
    }

    private mutating func take(_ root: JSONValue, _ feed: inout FeedReader) {
        if form == .auto { form = FeedObjects.form(root) }
        switch form {
        case .stix: takeSTIX(root, &feed)
        case .misp: takeMISP(root, &feed)
        default: break
        }
    }

    private static func form(_ root: JSONValue) -> FeedForm {
        if root.isArray { return root[0].map(form) ?? .auto }
        if root["type"]?.hasText("bundle") == true || root["type"]?.hasText("indicator") == true { return .stix }
        // An envelope of TAXII 2.1.
        if let objects = root["objects"], objects.isArray { return .stix }
        if root["Event"] != nil || root["response"] != nil || root["Attribute"] != nil { return .misp }
        return .auto
    }

    // MARK: STIX

    private mutating func takeSTIX(_ value: JSONValue, _ feed: inout FeedReader) {
        if value.isArray {
            for element in value.elements { takeSTIX(element, &feed) }
            return
        }
        if let objects = value["objects"] {
            for object in objects.elements { takeSTIX(object, &feed) }
            return
        }
        guard value["type"]?.hasText("indicator") == true else { return }
        number += 1
        feed.count()
        let pattern = value["pattern"]?.string ?? ""
        if let type = value["pattern_type"]?.string, type != "stix" {
            return feed.refuse(number, Array(pattern.utf8)[...], "patterns of the type \(type) are not looked for")
        }
        if value["revoked"]?.bool == true {
            return feed.refuse(number, Array(pattern.utf8)[...], "it was taken back by its maker (revoked)")
        }
        let seen = time(value["valid_from"]) ?? time(value["created"])
        let phase =
            value["kill_chain_phases"]?[0]?["phase_name"]?.string ?? value["indicator_types"]?[0]?.string ?? ""
        let confidence = value["confidence"]?.integer.map { UInt8(clamping: min(max($0, 0), 100)) }
        do {
            for found in try STIXPattern(Array(pattern.utf8)).values {
                feed.take(
                    found.kind, found.text[...], place: number, confidence: confidence, seen: seen,
                    expires: time(value["valid_until"]), label: Array((value["name"]?.string ?? "").utf8),
                    threat: Array(phase.utf8))
            }
        } catch { feed.refuse(number, Array(pattern.utf8)[...], error.reason) }
    }

    private func time(_ value: JSONValue?) -> Timestamp? {
        guard let text = value?.text else { return nil }
        return FeedTime.parse(Array(text.utf8)[...])
    }

    // MARK: MISP

    private mutating func takeMISP(_ value: JSONValue, _ feed: inout FeedReader) {
        if value.isArray {
            for element in value.elements { takeMISP(element, &feed) }
            return
        }
        if let response = value["response"] { return takeMISP(response, &feed) }
        let event = value["Event"] ?? value
        let info = event["info"]?.string ?? ""
        takeAttributes(of: event, info, &feed)
        guard let objects = event["Object"] else { return }
        for object in objects.elements { takeAttributes(of: object, info, &feed) }
    }

    private mutating func takeAttributes(of value: JSONValue, _ info: String, _ feed: inout FeedReader) {
        guard let attributes = value["Attribute"] else { return }
        for attribute in attributes.elements { take(attribute, info, &feed) }
    }

    private mutating func take(_ attribute: JSONValue, _ info: String, _ feed: inout FeedReader) {
        guard let type = attribute["type"]?.string, let value = attribute["value"]?.string else { return }
        number += 1
        feed.count()
        let octets = Array(value.utf8)[...]
        let isWanted = attribute["to_ids"].map { $0.bool ?? ($0.integer == 1) } ?? false
        guard isWanted else {
            return feed.refuse(number, octets, "MISP says that it is not to be looked for (to_ids)")
        }
        if attribute["deleted"]?.bool == true { return feed.refuse(number, octets, "it was deleted") }
        guard let parts = FeedObjects.parts(type, octets) else {
            return feed.refuse(number, octets, "the type \(type) is not seen on a network, or not looked for")
        }
        let seen = time(attribute["last_seen"]) ?? time(attribute["timestamp"])
        let category = attribute["category"]?.string ?? ""
        for part in parts {
            feed.take(
                part.kind, part.text, place: number, seen: seen, label: Array(info.utf8),
                threat: Array(FeedObjects.threats[category, default: ""].utf8))
        }
    }

    /// Kinds of MISP's attribute types; one attribute may hold two values with a bar between.
    private static func parts(
        _ type: String, _ value: ArraySlice<UInt8>
    ) -> [(kind: IndicatorKind, text: ArraySlice<UInt8>)]? {
        if let kind = kinds[type] {
            let isNetwork = kind == .address && value.contains(0x2F)
            return [(isNetwork ? .network : kind, value)]
        }
        let types = type.split(separator: "|").map(String.init)
        guard types.count == 2, let bar = value.firstIndex(of: 0x7C) else { return nil }
        let (first, second) = (value[..<bar], value[(bar + 1)...])
        switch (types[0], types[1]) {
        case ("ip-dst", "port"), ("ip-src", "port"):
            let host = first.contains(0x3A) ? [0x5B] + first + [0x5D] : Array(first)
            return [(.endpoint, (host + [0x3A] + second)[...])]
        case ("hostname", "port"): return [(.hostname, first)]
        case ("domain", "ip"): return [(.domain, first), (.address, second)]
        // The name is anybody's, the digest is not.
        case ("filename", let digest) where kinds[digest] == .file: return [(.file, second)]
        default: return nil
        }
    }

    private static let kinds: [String: IndicatorKind] = [
        "ip-dst": .address, "ip-src": .address, "domain": .domain, "hostname": .hostname, "url": .url, "uri": .url,
        "link": .url, "md5": .file, "sha1": .file, "sha256": .file, "x509-fingerprint-sha1": .certificate,
        "x509-fingerprint-sha256": .certificate, "ja3-fingerprint-md5": .ja3, "email": .email, "email-src": .email,
        "email-dst": .email, "user-agent": .userAgent, "filename": .fileName,
    ]

    /// Categories that say in which phase a value is met.
    private static let threats = [
        "Payload delivery": "payload_delivery", "Payload installation": "payload_delivery",
        "Network activity": "command-and-control",
    ]
}
