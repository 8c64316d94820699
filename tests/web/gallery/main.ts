import '../../../web/styles/tokens.css';
import '../../../web/styles/series.css';
import '../../../web/styles/base.css';
import { mount } from 'svelte';
import Gallery from './Gallery.svelte';

mount(Gallery, { target: document.body });
