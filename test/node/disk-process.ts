/** A process of its own, which may have little room: puts so many bytes in the place of a file, and says what came of it. */
import { Disk } from '../../src/node/index.ts'

const [, , root = '', path = '', count] = process.argv
process.on('SIGXFSZ' as NodeJS.Signals, () => {})
const disk = await Disk.open(root)
const file = (await disk.scan()).files.get(path)
try {
  await disk.write(path, new Uint8Array(Number(count)), file?.mark)
  console.log('written')
} catch (error) {
  console.log(String(error))
}
