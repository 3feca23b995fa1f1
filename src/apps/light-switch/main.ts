/** The light switch page: one button, the lamp. */
import { elementOf, openDemoPage } from '../shell/demo-page.ts'
import { LightSwitch } from './light-switch.ts'

const lamp = new LightSwitch()
const button = elementOf('lamp')
const caption = elementOf('lamp-caption')

lamp.onChange = () => {
  button.setAttribute('aria-checked', String(lamp.isOn))
  caption.textContent = `The lamp is ${lamp.isOn ? 'on' : 'off'}${lamp.isPending ? ' here, and waits to be so everywhere' : ''}.`
}
button.addEventListener('click', () => {
  // Without a stream, when its name is not allowed, nothing is there to flip.
  if (lamp.receiver !== undefined) lamp.toggle()
})

openDemoPage(lamp, 'demo.light')
