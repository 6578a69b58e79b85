// SPDX-License-Identifier: Apache-2.0
//
// Every setting of the sensor: its key, its meaning, its default.
//
// Reads   YAML files and `KEY=VALUE` pairs of the command line.
// Writes  `Settings`.
// Leaves  what the settings do (the modules that use them).

package import Flows
package import Logs
package import Protocols
package import Signatures
package import Store
import Yams

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The configuration of a run. Every key is optional; `Config/weir.yaml` shows all.
package struct Settings: Sendable {
    package var sensorName = "weir"
    /// Worker threads; nil for one a core.
    package var workers: Int?
    package var ignoringChecksums = false
    /// Names of analyzers that are on; nil for all, empty for none.
    package var analyzers: Set<String>?
    /// Names of analyzers that are off one by one.
    package var analyzersOff: Set<String> = []
    /// A pcap-filter(7) expression.
    package var filter: String?
    package var flows = FlowSettings()
    package var protocols = AnalyzerSettings()
    /// Adds `community_id` to each log line of a connection.
    package var logsCommunityID = true
    package var signatures = SignatureSettings()
    package var alerts = AlertSettings()
    package var intel = IntelSettings()
    package var cloud = CloudSettings()
    package var sigma = SigmaSettings()
    package var hunts = HuntSettings()
    package var incidents = IncidentSettings()
    /// Rule files, folders of rule files; plain or gzip.
    package var rulePaths: [String] = []
    /// threshold.config, classification.config and reference.config; the built-in ones where left out.
    package var thresholdFile: String?
    package var classificationFile: String?
    package var referenceFile: String?
    /// The categories of `iprep`, and its lists of addresses.
    package var reputationCategories: String?
    package var reputationFiles: [String] = []
    /// An MMDB file of countries, for `geoip`.
    package var countryFile: String?
    /// The folder below which rules keep data sets.
    package var ruleDataFolder: String?
    /// Choices of the form eve.
    package var eve = EVESettings()
    /// Seconds between stats rows, live.
    package var statsIntervalSeconds = 300
    /// Seconds between flushes of the store, live.
    package var flushIntervalSeconds = 5
    /// Bounds of a sensor's store, and how its segments are merged.
    package var retention = RetentionSettings()
    package var merge = MergeSettings()
    /// Megabytes that stay free on the store's disk.
    package var reserveMegabytes = 64
    /// The packet ring; of no size there is none.
    package var packets = PacketRingSettings()
    package var snapLength = 262_144
    package var bufferMegabytes = 64
    package var isPromiscuous = true
    /// Variables of signatures: names and values.
    package var variables: [String: String] = [:]

    package init() {}
}

/// A wrong configuration: what, where, and what to do about it.
package struct SettingsError: Error, CustomStringConvertible, Equatable {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// One key of the configuration.
package struct SettingKey: Sendable {
    package let name: String
    package let doc: String
    let set: @Sendable (inout Settings, SettingValue) throws(SettingsError) -> Void
}

/// A value as YAML or the command line gives it.
enum SettingValue {
    case text(String)
    case list([String])

    func string(_ key: String) throws(SettingsError) -> String {
        guard case .text(let text) = self else { throw SettingsError("\(key): one value is wanted, not a list") }
        return text
    }

    func strings() -> [String] {
        switch self {
        case .list(let list): list
        case .text(let text):
            text.split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
        }
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws(SettingsError) -> Int {
        let text = try string(key)
        guard let value = Int(text), range.contains(value) else {
            throw SettingsError(
                "\(key): “\(text)” is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func real(_ key: String, _ range: ClosedRange<Double>) throws(SettingsError) -> Double {
        let text = try string(key)
        guard let value = Double(text), range.contains(value) else {
            throw SettingsError("\(key): “\(text)” is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Seconds, with `s`, `m`, `h` or `d` behind the number if wanted; in nanoseconds.
    func duration(_ key: String) throws(SettingsError) -> Int64 {
        let text = try string(key)
        let units: [(Character, Double)] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        var number = text
        var scale = 1.0
        if let last = text.last, let unit = units.first(where: { $0.0 == last }) {
            scale = unit.1
            number.removeLast()
        }
        guard let value = Double(number), value >= 0, value * scale <= 1e9 else {
            throw SettingsError("\(key): “\(text)” is not a duration such as 30, 5m or 1h")
        }
        return Int64(value * scale * 1e9)
    }

    func boolean(_ key: String) throws(SettingsError) -> Bool {
        let text = try string(key)
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw SettingsError("\(key): “\(text)” is neither true nor false")
        }
    }
}

extension String {
    var trimmed: String {
        var view = self[...]
        while let first = view.first, first.isWhitespace { view.removeFirst() }
        while let last = view.last, last.isWhitespace { view.removeLast() }
        return String(view)
    }
}

extension Settings {
    /// Parts of the file that other modules read and check for themselves.
    private static let foreignSections: Set<String> = ["handoff"]

    /// Sets one key from the command line, `KEY=VALUE`.
    package mutating func set(_ assignment: String) throws(SettingsError) {
        guard let equals = assignment.firstIndex(of: "=") else {
            throw SettingsError("--set \(assignment): write KEY=VALUE, such as --set sensor.name=north")
        }
        let key = String(assignment[..<equals]).trimmed
        try set(key, .text(String(assignment[assignment.index(after: equals)...]).trimmed), where: "--set")
    }

    mutating func set(_ key: String, _ value: SettingValue, where place: String) throws(SettingsError) {
        if key.hasPrefix("vars.") {
            let name = String(key.dropFirst(5))
            guard Settings.knownVariables.contains(name) else {
                let known = Settings.knownVariables.joined(separator: ", ")
                throw SettingsError("\(place): there is no variable “\(name)”; the variables are \(known)")
            }
            variables[name] = value.strings().joined(separator: ",")
            return
        }
        if key.hasPrefix("analyzers.") {
            return try switchAnalyzer(String(key.dropFirst(10)), value, where: place)
        }
        guard let entry = Settings.keys.first(where: { $0.name == key }) else {
            let known = Settings.keys.map(\.name).joined(separator: ", ")
            throw SettingsError("\(place): there is no key “\(key)”; the keys are \(known)")
        }
        do throws(SettingsError) {
            try entry.set(&self, value)
        } catch {
            throw SettingsError("\(place): \(error)")
        }
    }

    /// Reads a YAML file: maps nest, their keys joined by dots.
    package mutating func read(yaml text: String, path: String) throws(SettingsError) {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw SettingsError("\(path): this is not YAML: \(Settings.oneLine("\(error)"))")
        }
        // A file of comments alone has one empty value.
        guard let node, node.null == nil else { return }
        guard case .mapping(let mapping) = node else {
            throw SettingsError("\(path): the file must be a map of keys to values; see Config/weir.yaml")
        }
        try read(mapping, prefix: "", path: path)
    }

    /// The parser draws its errors on several lines, with the place marked below.
    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { String($0).trimmed }.filter { !$0.isEmpty && $0 != "^" }
            .joined(separator: " ")
    }

    private mutating func read(_ mapping: Node.Mapping, prefix: String, path: String) throws(SettingsError) {
        for (key, value) in mapping {
            guard let name = key.string else {
                throw SettingsError("\(path): a key is not a text")
            }
            let full = prefix + name
            if Settings.foreignSections.contains(full) { continue }
            let place = "\(path):\(key.mark?.line ?? 1)"
            switch value {
            case .mapping(let inner): try read(inner, prefix: full + ".", path: path)
            case .sequence(let list): try set(full, .list(list.compactMap(\.string)), where: place)
            case .scalar(let scalar):
                // An empty value leaves the default.
                if scalar.string.isEmpty || value.null != nil { continue }
                try set(full, .text(scalar.string), where: place)
            default: throw SettingsError("\(place): \(full): this kind of value is not understood")
            }
        }
    }
}
