// SPDX-License-Identifier: Apache-2.0
//
// Options for the files that rules need besides themselves; all commands that load rules share them.

import ArgumentParser
import Sensor

/// Files in Suricata's formats. Each stands for a key of the configuration, which it goes before.
struct RuleFileOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A classification.config; built in when left out.", valueName: "file"))
    var classification: String?

    @Option(help: ArgumentHelp("A reference.config; built in when left out.", valueName: "file"))
    var reference: String?

    @Option(help: ArgumentHelp("A threshold.config: suppress, event_filter, rate_filter.", valueName: "file"))
    var threshold: String?

    @Option(help: ArgumentHelp("The categories of iprep: NUMBER,SHORT,TEXT lines.", valueName: "file"))
    var iprepCategories: String?

    @Option(help: ArgumentHelp("A list of addresses for iprep: ADDRESS,CATEGORY,SCORE lines.", valueName: "file"))
    var iprep: [String] = []

    @Option(help: ArgumentHelp("An MMDB file of countries, for geoip.", valueName: "file"))
    var geoip: String?

    @Option(help: ArgumentHelp("Keep data sets of rules (save, state) below this folder.", valueName: "dir"))
    var ruleData: String?

    func apply(to settings: inout Settings) {
        if let classification { settings.classificationFile = classification }
        if let reference { settings.referenceFile = reference }
        if let threshold { settings.thresholdFile = threshold }
        if let iprepCategories { settings.reputationCategories = iprepCategories }
        settings.reputationFiles += iprep
        if let geoip { settings.countryFile = geoip }
        if let ruleData { settings.ruleDataFolder = ruleData }
    }
}
