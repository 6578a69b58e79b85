// SPDX-License-Identifier: Apache-2.0
//
// Sigma rules: loading, refusing, matching.

import Testing
