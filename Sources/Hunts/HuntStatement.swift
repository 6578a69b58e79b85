// SPDX-License-Identifier: Apache-2.0
//
// A hunt's question with everything in its place: SQL that says all of itself.
//
// Reads   a hunt, times, values, the site's networks.
// Writes  one SELECT that the embedded engine, DuckDB and Spark read alike.
// Leaves  asking it.

package import Query
package import Records

/// What a hunt is asked with.
package struct HuntValues: Sendable {
    /// Rows from this time on, and before the other. Nil: from the beginning, to the end.
    package var since: Timestamp?
    package var until: Timestamp?
    /// Most rows of the answer.
    package var limit = 1000
    /// Parameters by name, as a person wrote them.
    package var parameters: [String: String] = [:]
    /// The site's own networks.
    package var networks = SiteNetworks.privateNetworks

    package init() {}

    private static let earliest = Timestamp(seconds: 0)
    /// 9999-01-01, or what comes near it: the last time that fits in nanoseconds.
    private static let latest = Timestamp(seconds: 9_214_646_400)

    /// The same without parameters that the hunt does not have, for a run over many hunts.
    package func without(strangersTo hunt: Hunt) -> HuntValues {
        var values = self
        values.parameters = parameters.filter { name, _ in hunt.parameters.contains { $0.name == name } }
        return values
    }

    /// Every parameter of the hunt with its value. Throws `.parameter`.
    package func values(of hunt: Hunt) throws(HuntError) -> [String: SQLValue] {
        let known = hunt.parameters.map(\.name)
        if let stranger = parameters.keys.sorted().first(where: { !known.contains($0) }) {
            throw HuntError(
                .parameter, "hunt \(hunt.name) has no parameter \(stranger)",
                advice: known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))")
        }
        var values: [String: SQLValue] = [
            "since": SQLValue(since ?? HuntValues.earliest), "until": SQLValue(until ?? HuntValues.latest),
            "limit": SQLValue(limit), "internal": SQLValue(networks.joined(separator: ",")),
        ]
        for parameter in hunt.parameters {
            var value = parameter.standard
            if let text = parameters[parameter.name] {
                guard let given = parameter.value(text) else {
                    throw HuntError(
                        .parameter, "hunt \(hunt.name): \(parameter.name) = \(text) is no number",
                        advice: "give it as \(parameter.name)=NUMBER")
                }
                value = given
            }
            switch value {
            case .integer(let number): values[parameter.name] = .integer(number)
            case .real(let number): values[parameter.name] = .real(number)
            case .text(let text): values[parameter.name] = SQLValue(text)
            }
        }
        return values
    }

    /// The hunt's SELECT with values in the places of parameters.
    package func statement(_ hunt: Hunt) throws(HuntError) -> String {
        let values = try values(of: hunt)
        for network in networks where AddressPrefix(network) == nil {
            throw HuntError(.parameter, "\(network) is no network", advice: "write it as 10.0.0.0/8")
        }
        do {
            return try bindParameters(HuntText.replacingInternal(hunt.statement, networks), values)
        } catch {
            throw HuntError(error, hunt: hunt.name)
        }
    }
}

enum HuntText {
    /// Puts a test for each network in the places of `is_internal(x)`.
    static func replacingInternal(_ statement: String, _ networks: [String]) -> String {
        let name = Array("is_internal(".utf8)
        let octets = Array(statement.utf8)
        var result: [UInt8] = []
        var place = 0
        while place < octets.count {
            let isNew = place == 0 || !Hunt.isNameOctet(octets[place - 1])
            guard isNew, octets[place...].starts(with: name), let end = closing(octets, place + name.count) else {
                let next = skippingQuoted(octets, place)
                result += octets[place..<next]
                place = next
                continue
            }
            let argument = replacingInternal(
                String(decoding: octets[(place + name.count)..<end], as: UTF8.self), networks)
            let tests = networks.map { "in_cidr(\(argument), '\($0)')" }
            result += "(\(tests.isEmpty ? "FALSE" : tests.joined(separator: " OR ")))".utf8
            place = end + 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The place behind one octet, or behind a text in quotes or a comment that begins here.
    private static func skippingQuoted(_ octets: [UInt8], _ place: Int) -> Int {
        if octets[place] == 0x27 {
            let end = octets[(place + 1)...].firstIndex(of: 0x27) ?? octets.count - 1
            return end + 1
        }
        if octets[place...].starts(with: [0x2D, 0x2D]) {
            return octets[place...].firstIndex(of: 0x0A) ?? octets.count
        }
        return place + 1
    }

    /// The place of the parenthesis that closes the one before `start`.
    private static func closing(_ octets: [UInt8], _ start: Int) -> Int? {
        var (depth, place) = (1, start)
        while place < octets.count {
            switch octets[place] {
            case 0x28: depth += 1
            case 0x29:
                depth -= 1
                if depth == 0 { return place }
            default: break
            }
            place = skippingQuoted(octets, place)
        }
        return nil
    }

    /// A template with `{column}` replaced; what is unset is `-`.
    static func filled(_ template: String, _ value: (String) -> String?) -> String {
        var text = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{") {
            text += rest[..<open]
            guard let close = rest[open...].firstIndex(of: "}") else {
                rest = rest[open...]
                break
            }
            text += value(String(rest[rest.index(after: open)..<close])) ?? "-"
            rest = rest[rest.index(after: close)...]
        }
        return text + rest
    }
}
