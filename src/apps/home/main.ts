/** The front page does nothing by itself but see to it that it opens without a network, too. */

import { tellOfNewVersion } from '../shell/new-version.ts'
import { keepShell } from '../shell/offline-shell.ts'

keepShell(tellOfNewVersion)
