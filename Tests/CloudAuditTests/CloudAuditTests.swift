// SPDX-License-Identifier: Apache-2.0
//
// Cloud audit logs become records.

import Testing
