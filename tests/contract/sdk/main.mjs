// SPDX-License-Identifier: Apache-2.0
// The vendor's SDK against the local server: all subjects in one process.
import './tokens.mjs';
import './repos.mjs';
import './update.mjs';
import './files.mjs';
import './retrieval.mjs';
import './client.mjs';
import './git.mjs';
