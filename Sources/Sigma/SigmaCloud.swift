// SPDX-License-Identifier: Apache-2.0
//
// Rules over the raw audit records of clouds.
//
// Reads   a record as JSON, and what the normalised row says of it.
// Writes  hits.
// Leaves  reading files, and the rows themselves (CloudAudit).

package import JSON
package import Records

/// What an alert takes from a record's row.
package struct SigmaCloudFacts: Sendable {
    package var time = Timestamp.zero
    package var record: String?
    package var principal: String?
    package var user: String?
    package var address: String?

    package init() {}
}

/// The rules of all providers, compiled; used by one thread.
package final class SigmaCloud {
    /// One provider's rules.
    private final class Provider {
        let matcher: SigmaMatcher
        /// Of each field the places in a record.
        let paths: [[[String]]]
        var scratch: SigmaMatcher.Scratch

        init(_ name: String, _ rules: [SigmaRule]) {
            matcher = SigmaMatcher(rules)
            paths = matcher.fields.map { SigmaPaths.paths(of: $0, provider: name) }
            scratch = matcher.makeScratch()
        }
    }

    private let providers: [String: Provider]

    package init(_ rules: SigmaRules) {
        var byProvider: [String: [SigmaRule]] = [:]
        for rule in rules.rules {
            for case .cloud(let name) in SigmaTarget.targets(of: rule.source) {
                byProvider[name, default: []].append(rule)
            }
        }
        providers = Dictionary(uniqueKeysWithValues: byProvider.map { ($0.key, Provider($0.key, $0.value)) })
    }

    /// Providers that rules ask for.
    package var names: [String] { providers.keys.sorted() }

    /// Members of CloudTrail's records that stand in columns as they are.
    private static let columns = [
        "eventname": "operation", "eventsource": "service", "errorcode": "error_code", "awsregion": "region",
        "eventtype": "category",
    ]

    func pushDown(_ provider: String) -> SigmaPushDown? {
        guard provider == "aws", let known = providers[provider] else { return nil }
        return SigmaPushDown(known.matcher.wholeNeeds) { field in
            SigmaCloud.columns[known.matcher.fields[field].lowercased()].map { [$0] }
        }
    }

    /// The rules that fit a record of `provider`. `facts` is asked for only where one does.
    package func match(_ provider: String, _ record: JSONValue, _ facts: () -> SigmaCloudFacts) -> [SigmaHit] {
        guard let known = providers[provider] else { return [] }
        let fields = SigmaRecordFields(record: record, paths: known.paths)
        let found = known.matcher.match(fields, &known.scratch)
        guard !found.isEmpty else { return [] }
        let facts = facts()
        return found.map { number in
            var hit = SigmaHit(rule: known.matcher.rules[number], log: "cloud_audit", time: facts.time)
            hit.fields = known.matcher.evidence(number, fields, &known.scratch)
            hit.entities = facts.entities
            return hit
        }
    }
}

extension SigmaCloudFacts {
    var entities: [String] {
        [
            principal.map { "principal:\($0)" }, user.map { "user:\($0)" }, address.map { "host:\($0)" },
            record.map { "record:\($0)" },
        ].compactMap { $0 }
    }
}

/// The fields of a raw record, by path and without regard to case.
struct SigmaRecordFields: SigmaFields {
    let record: JSONValue
    let paths: [[[String]]]

    private static let depthMax = 8

    func add(_ field: Int, to values: inout SigmaValues) {
        guard field != 0 else {
            leaves(record, &values)
            values.add(record.raw)
            return
        }
        for path in paths[field] { walk(record, path[...], &values, 0) }
    }

    /// Goes down a path, through all elements of arrays, and into texts that hold JSON, as Log Analytics has them.
    private func walk(_ value: JSONValue, _ path: ArraySlice<String>, _ values: inout SigmaValues, _ depth: Int) {
        guard values.values.count < SigmaValues.valuesMax, depth < 2 * SigmaRecordFields.depthMax else { return }
        guard let key = path.first else { return take(value, &values) }
        switch value.kind {
        case .array: for element in value.elements { walk(element, path, &values, depth + 1) }
        case .object:
            if let member = value.member(key, ignoringCase: true) {
                walk(member, path.dropFirst(), &values, depth + 1)
            } else if path.count > 1, depth == 0,
                let member = value.member(path.joined(separator: "."), ignoringCase: true)
            {
                // A record that was flattened on its way has the whole path as one key.
                take(member, &values)
            }
        case .string:
            guard let inner = inner(value) else { return }
            walk(inner, path, &values, depth + 1)
        default: break
        }
    }

    private func inner(_ value: JSONValue) -> JSONValue? {
        let range = value.contentRange
        guard let first = value.document.octets[range].first, first == 0x7B || first == 0x5B else { return nil }
        var octets: [UInt8] = []
        value.appendText(to: &octets)
        return try? JSONDocument(octets, limits: JSONLimits(bytesMax: 1 << 20, nodesMax: 1 << 16)).root
    }

    /// A scalar is its text; an array its scalars and its JSON; an object its JSON.
    private func take(_ value: JSONValue, _ values: inout SigmaValues) {
        switch value.kind {
        case .null: break
        case .string, .number, .bool: values.add { value.appendText(to: &$0) }
        case .array:
            for element in value.elements where element.isScalar && !element.isNull {
                guard values.values.count < SigmaValues.valuesMax else { return }
                values.add { element.appendText(to: &$0) }
            }
            values.add { SigmaRecordFields.appendCompact(value, to: &$0) }
        case .object: values.add { SigmaRecordFields.appendCompact(value, to: &$0) }
        }
    }

    /// Every scalar of the record.
    private func leaves(_ value: JSONValue, _ values: inout SigmaValues) {
        guard values.values.count < SigmaValues.valuesMax else { return }
        switch value.kind {
        case .object: value.forEachMember { _, inner in leaves(inner, &values) }
        case .array: for element in value.elements { leaves(element, &values) }
        case .null: break
        case .string, .number, .bool: values.add { value.appendText(to: &$0) }
        }
    }

    /// The JSON without the white space between its tokens.
    private static func appendCompact(_ value: JSONValue, to octets: inout [UInt8]) {
        var isInString = false
        var isEscaped = false
        for octet in value.raw {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if octet == 0x5C {
                    isEscaped = true
                } else if octet == 0x22 {
                    isInString = false
                }
            } else if octet == 0x22 {
                isInString = true
            } else if octet <= 0x20 {
                continue
            }
            octets.append(octet)
        }
    }
}
